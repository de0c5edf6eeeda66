package control

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// ErrWords answers what is no list of Tcl's.
var ErrWords = errors.New("not a list of Tcl's")

// escapes are the characters that mean something in a list, or where Tcl
// evaluates one.
var escapes = strings.NewReplacer(
	"\\", `\\`, "{", `\{`, "}", `\}`, "[", `\[`, "]", `\]`, "$", `\$`,
	`"`, `\"`, ";", `\;`, "#", `\#`, " ", `\ `, "\n", `\n`, "\t", `\t`,
	"\r", `\r`, "\v", `\v`, "\f", `\f`, "\x00", `\x00`)

// Words makes a list of Tcl's.
func Words(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		if quoted[i] = escapes.Replace(word); word == "" {
			quoted[i] = "{}"
		}
	}
	return strings.Join(quoted, " ")
}

// isSpace tells what separates the words of a list.
func isSpace(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r'
}

// SplitWords takes a list of Tcl's apart.
func SplitWords(list string) ([]string, error) {
	var words []string
	for {
		for list != "" && isSpace(list[0]) {
			list = list[1:]
		}
		if list == "" {
			return words, nil
		}
		var word string
		var good bool
		switch list[0] {
		case '{':
			word, list, good = braced(list[1:])
		case '"':
			word, list, good = bare(list[1:], func(c byte) bool { return c == '"' })
			good = good && list != ""
			list = strings.TrimPrefix(list, `"`)
		default:
			word, list, good = bare(list, isSpace)
		}
		if !good || list != "" && !isSpace(list[0]) {
			return nil, ErrWords
		}
		words = append(words, word)
	}
}

// braced reads a word up to the brace that ends it. A backslash stays as it is,
// but for one before the end of a line.
func braced(list string) (word, rest string, good bool) {
	depth := 1
	var text strings.Builder
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return text.String(), list[i+1:], true
			}
		case '\\':
			if strings.HasPrefix(list[i:], "\\\n") {
				text.WriteByte(' ')
				i++
				for i+1 < len(list) && (list[i+1] == ' ' || list[i+1] == '\t') {
					i++
				}
				continue
			}
			if text.WriteByte('\\'); i+1 < len(list) {
				i++
			}
		}
		text.WriteByte(list[i])
	}
	return "", "", false
}

// bare reads a word up to what ends it, which is left in the rest.
func bare(list string, ends func(byte) bool) (word, rest string, good bool) {
	var text strings.Builder
	for list != "" && !ends(list[0]) {
		if list[0] == '\\' && len(list) > 1 {
			list = unescape(&text, list[1:])
			continue
		}
		text.WriteByte(list[0])
		list = list[1:]
	}
	return text.String(), list, true
}

// unescape reads what follows a backslash.
func unescape(text *strings.Builder, list string) string {
	if i := strings.IndexByte("abfnrtv", list[0]); i >= 0 {
		text.WriteByte("\a\b\f\n\r\t\v"[i])
		return list[1:]
	}
	switch c := list[0]; {
	case c == '\n':
		text.WriteByte(' ')
		return strings.TrimLeft(list[1:], " \t")
	case c == 'x':
		return number(text, list, 1, 2, 16)
	case c == 'u':
		return number(text, list, 1, 4, 16)
	case c == 'U':
		return number(text, list, 1, 8, 16)
	case '0' <= c && c <= '7':
		return number(text, list, 0, 3, 8)
	}
	_, size := utf8.DecodeRuneInString(list)
	text.WriteString(list[:size])
	return list[size:]
}

// number reads a character that is written as a number, at most so many digits
// from some place on; without a digit the letter stands for itself.
func number(text *strings.Builder, list string, from, most, base int) string {
	value, end := 0, from
	for end < len(list) && end < from+most {
		digit := strings.IndexByte("0123456789abcdef", list[end]|0x20)
		if list[end] < '0' || digit < 0 || digit >= base {
			break
		}
		value = value*base + digit
		end++
	}
	if end == from {
		text.WriteByte(list[0])
		return list[1:]
	}
	text.WriteRune(rune(value))
	return list[end:]
}
