/*
 * Text in memory that processes share: UTF-8 that ends with a NUL, in a field
 * of a fixed size.
 */

#ifndef SS_TEXT_FIELD_H
#define SS_TEXT_FIELD_H

#include <stddef.h>

/* Writes what there is room for, NUL included; whole characters only. */
void		SsTextFieldSet(char *to, const char *from, size_t size);

/*
 * Makes what another process may have written text for logs and terminals: it
 * ends, and what controls is blank, Tcl's NUL of two bytes, too.
 */
void		SsTextFieldCheck(char *text, size_t size);

#endif /* SS_TEXT_FIELD_H */
