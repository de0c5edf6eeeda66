/*
 * names.h --
 *
 *	Signals by their names.
 */

#ifndef SS_NAMES_H
#define SS_NAMES_H

#define SS_SIGNAL_NAME_SIZE 16

/*
 * SsSignalName --
 *
 *	The name of a signal, without SIG; of one that has none, its number.
 *
 * SsSignalNumber --
 *
 *	The number of a signal that is named with SIG or without; 0 when there
 *	is none of this name.
 *
 * Process: both.
 */

void		SsSignalName(int number, char name[SS_SIGNAL_NAME_SIZE]);
int		SsSignalNumber(const char *name);

#endif /* SS_NAMES_H */
