#include "text_field.h"

#include <string.h>

void
SsTextFieldSet(
    char *to,
    const char *from,		/* UTF-8. */
    size_t size)
{
    size_t length = strlen(from);

    if (length >= size) {
	length = size - 1;
	while (length > 0 && ((unsigned char) from[length] & 0xc0) == 0x80) {
	    length--;
	}
    }
    memcpy(to, from, length);
    to[length] = '\0';
}

void
SsTextFieldCheck(char *text, size_t size)
{
    unsigned char *bytes = (unsigned char *) text;

    bytes[size - 1] = '\0';
    for (; *bytes != '\0'; bytes++) {
	if (*bytes < ' ' || *bytes == 0x7f) {
	    *bytes = ' ';
	} else if ((*bytes == 0xc2 && bytes[1] >= 0x80 && bytes[1] < 0xa0)
		|| (*bytes == 0xc0 && bytes[1] == 0x80)) {
	    bytes[0] = bytes[1] = ' ';
	}
    }
}
