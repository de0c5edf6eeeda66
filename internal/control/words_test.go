package control

import (
	"cmp"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var wordLists = [][]string{
	nil, {""}, {"", ""}, {"run", "configure", "-initcmd", "a {b} \"c\" $d [e]; #\\\n\t"},
	{"{", "}", "\\", "\\{", "a\\", "#", "{a", "a}", "\"", "\"a\"b", "\x00f", "é漢\U0001f600", "\x7f\u0085"},
}

func TestWords(t *testing.T) {
	for _, words := range wordLists {
		got, err := SplitWords(Words(words...))
		if err != nil || !slices.Equal(got, words) {
			t.Errorf("%q: %q, %v", words, got, err)
		}
	}
}

func TestSplitWords(t *testing.T) {
	for list, words := range map[string][]string{
		" \n\t": nil, "a": {"a"}, " {} {a b}\n{{} {}}\t{a\\}}": {"", "a b", "{} {}", "a\\}"},
		`"a b" "" c"d" "\""`:            {"a b", "", `c"d"`, `"`},
		"a\\ b \\n\\x41\\u20ac\\101\\q": {"a b", "\nA€Aq"},
		"{a\\\n \tb}x\\":                nil, "a\\\n  b": {"a b"}, "{a\\\n \tb}": {"a b"}, "\\x \\": {"x", "\\"},
	} {
		got, err := SplitWords(list)
		if !slices.Equal(got, words) || (err != nil) != strings.HasSuffix(list, "}x\\") {
			t.Errorf("%q: %q, %v", list, got, err)
		}
	}
	for _, list := range []string{"{", "{a}b", `"a`, `"a"b`, "{a\\", "{\\}"} {
		if got, err := SplitWords(list); err == nil {
			t.Errorf("%q: %q", list, got)
		}
	}
}

// TestWordsAreTcls lets Tcl read what we write, and write what we read.
func TestWordsAreTcls(t *testing.T) {
	tclsh := cmp.Or(os.Getenv("TCLSH"), "tclsh")
	if _, err := exec.LookPath(tclsh); err != nil {
		t.Skip("no tclsh")
	}
	for _, words := range wordLists[1:] {
		command := exec.Command(tclsh)
		command.Stdin = strings.NewReader("fconfigure stdout -encoding utf-8 -translation binary\n" +
			"fconfigure stdout -encoding utf-8\n" +
			"set list [encoding convertfrom utf-8 [binary decode hex " + hexOf(Words(words...)) + "]]\n" +
			"set again {}; foreach word $list {lappend again $word}; puts -nonewline $again\n")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", words, err, out)
		}
		if got, err := SplitWords(string(out)); err != nil || !slices.Equal(got, words) {
			t.Errorf("%q: %q, %v", words, got, err)
		}
	}
}

func hexOf(text string) string {
	const digits = "0123456789abcdef"
	var hex strings.Builder
	for _, c := range []byte(text) {
		hex.WriteByte(digits[c>>4])
		hex.WriteByte(digits[c&15])
	}
	return hex.String()
}

func FuzzSplitWords(f *testing.F) {
	f.Add("a {b c} \"d\" \\u20")
	f.Fuzz(func(t *testing.T, list string) {
		words, err := SplitWords(list)
		if err != nil {
			return
		}
		again, err := SplitWords(Words(words...))
		if err != nil || !slices.Equal(words, again) {
			t.Errorf("%q: %q, then %q, %v", list, words, again, err)
		}
	})
}
