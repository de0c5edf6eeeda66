#!/bin/sh
# What tcpserver starts for each connection: answers one line, or line after
# line until the client has no more. echo.sh JOB
while read -r line; do
    echo "$$ $line"
    if [ "$1" = line ]; then
        exit
    fi
done
