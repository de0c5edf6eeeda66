"""Python's socketserver.ForkingTCPServer: python3 forking.py JOB"""

import os
import socketserver
import sys

JOB = sys.argv[1]


class Echo(socketserver.StreamRequestHandler):
    """Answers one line, or line after line until the client has no more."""

    def handle(self):
        for line in self.rfile:
            self.wfile.write(b"%d %s" % (os.getpid(), line))
            if JOB == "line":
                return


class Server(socketserver.ForkingTCPServer):
    request_queue_size = 1024  # its default of 5 refuses 16 clients at once


with Server(("127.0.0.1", 0), Echo) as server:
    print("port", server.server_address[1], flush=True)
    server.serve_forever()
