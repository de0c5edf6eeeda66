/*
 * primitives.h --
 *
 *	The commands that the package's Tcl files are made of.  But for "fork"
 *	they are private: their names begin with a capital letter.
 */

#ifndef SS_PRIMITIVES_H
#define SS_PRIMITIVES_H

#include <tcl.h>

/*
 * SsForkObjCmd --
 *
 *	::socketserver::fork: 0 in the child, the child's pid in the parent.
 *
 * SsBoardObjCmd --
 *
 *	::socketserver::Board: what each worker is doing.
 *
 *	create n -> id				Slots 0 to n-1.
 *	destroy id
 *	take id slot generation ?handler?	In the worker.
 *	state id slot state			In the worker.
 *	release id slot
 *	read id ?slot?				Dicts of the slots in use.
 *
 * SsProcessObjCmd --
 *
 *	::socketserver::Process: children, and the process itself.
 *
 *	watch pid cmdPrefix			Called with a dict at its end.
 *	unwatch pid
 *	kill pid signal
 *	identity user ?group?			For good.
 *	account user ?group?			Whether they exist.
 *	clock					Milliseconds.
 *
 * SsQueueObjCmd --
 *
 *	::socketserver::Queue: the queues of a port.
 *
 *	renew port -> number			A second queue, for new
 *						children.
 *	switch port				The accept loop moves to it.
 *	abandon port				Or never will.
 *	retire port ?n?				Ends n workers.
 *	length port				Dict: current, old.
 *	list port				Dict: number, length.
 *	number port				Of the newest.
 *	use port number				In a worker: this one alone.
 *	withdraw port				In a worker: undo "client".
 *
 * SsSignalsObjCmd --
 *
 *	::socketserver::Signals: signals that steer a server or a worker.
 *
 *	catch names cmdPrefix			Called with a name.
 *	worker ?cmdPrefix?
 *	stopping				Whether TERM came.
 *	restore
 *
 * Process: both.
 */

int		SsForkObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);
int		SsBoardObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);
int		SsProcessObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);
int		SsQueueObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);
int		SsSignalsObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);

#endif /* SS_PRIMITIVES_H */
