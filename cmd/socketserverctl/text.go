package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// widest is how much of a name a table shows.
const widest = 64

// clean makes text harmless for a terminal: what doesn't print is shown escaped.
func clean(text string) string {
	var cleaned strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			fmt.Fprintf(&cleaned, `\x%02x`, text[i])
		case unicode.IsPrint(r):
			cleaned.WriteRune(r)
		case r == '\n':
			cleaned.WriteString(`\n`)
		case r == '\t':
			cleaned.WriteString(`\t`)
		case r <= unicode.MaxLatin1:
			fmt.Fprintf(&cleaned, `\x%02x`, r)
		default:
			fmt.Fprintf(&cleaned, `\u%04x`, r)
		}
	}
	return cleaned.String()
}

// cleanJSON does so for JSON, which has such characters only in strings, but for
// the space between them.
func cleanJSON(text []byte) []byte {
	cleaned := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			cleaned = append(cleaned, `\ufffd`...)
		case unicode.IsPrint(r) || r == '\n':
			cleaned = append(cleaned, text[:size]...)
		case r == '\t' || r == '\r':
			cleaned = append(cleaned, ' ')
		case r > 0xffff:
			high, low := (r-0x10000)>>10|0xd800, (r-0x10000)&0x3ff|0xdc00
			cleaned = fmt.Appendf(cleaned, `\u%04x\u%04x`, high, low)
		default:
			cleaned = fmt.Appendf(cleaned, `\u%04x`, r)
		}
		text = text[size:]
	}
	return cleaned
}

// name is a name as tables show it: "-" where there is none.
func name(text string) string {
	if text == "" {
		return "-"
	}
	if len(text) > 4*widest {
		text = text[:4*widest]
	}
	return clip(clean(text), widest)
}

// clip cuts text to a number of characters.
func clip(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	characters := []rune(text)
	return string(characters[:max(most, 0)])
}

// span is a time in seconds, for reading.
func span(seconds float64) string {
	switch whole := int64(min(max(seconds, 0), 1e12)); {
	case seconds <= 0:
		return "0s"
	case seconds < 0.001:
		return "<1ms"
	case seconds < 1:
		return fmt.Sprintf("%.0fms", seconds*1000)
	case seconds < 10:
		return fmt.Sprintf("%.1fs", seconds)
	case whole < 60:
		return fmt.Sprintf("%ds", whole)
	case whole < 3600:
		return fmt.Sprintf("%dm%02ds", whole/60, whole%60)
	case whole < 86400:
		return fmt.Sprintf("%dh%02dm", whole/3600, whole/60%60)
	default:
		return fmt.Sprintf("%dd%02dh", whole/86400, whole/3600%24)
	}
}

// size is a number of bytes, for reading.
func size(bytes int64) string {
	n, unit := float64(bytes)/1024, 0
	for n >= 1000 && unit < 3 {
		n, unit = n/1024, unit+1
	}
	if n < 10 {
		return fmt.Sprintf("%.1f%c", n, "KMGT"[unit])
	}
	return fmt.Sprintf("%.0f%c", n, "KMGT"[unit])
}
