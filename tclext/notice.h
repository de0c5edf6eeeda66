/*
 * notice.h --
 *
 *	What an accept loop has to tell the application while it runs.
 */

#ifndef SS_NOTICE_H
#define SS_NOTICE_H

/*
 * SsNoticePost --
 *
 *	Makes a notice (SS_NOTICE_..., boundary.h) a background error of the
 *	interpreter that began the service, if both still exist.  May be
 *	called by any thread.
 *
 * Process: server.
 */

void		SsNoticePost(int handle, int notice, int posix);

#endif /* SS_NOTICE_H */
