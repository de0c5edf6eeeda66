package main

import (
	"regexp"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// single is a flag, or an option of a pool, as Tcl writes them. What has one letter
// is a flag's short name.
var single = regexp.MustCompile(`^-[a-z][a-z-]+$`)

// negative is a number; no flag is one.
var negative = regexp.MustCompile(`^-\.?[0-9]`)

// plain makes of a command line what package cobra understands: flags with two
// dashes, and "--" before options of the pool and numbers.
func plain(root *cobra.Command, words []string) []string {
	command, result := root, make([]string, 0, len(words)+1)
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "--":
			return append(result, words[i:]...)
		case command.Name() == "configure" && isOption(word), negative.MatchString(word):
			return append(append(result, "--"), words[i:]...)
		case word == "" || word[0] != '-':
			command = inside(command, word)
		case single.MatchString(word) && takes(command, "-"+word) != unknown:
			word = "-" + word
		}
		result = append(result, word)
		if takes(command, word) == aWord && i+1 < len(words) {
			i++
			result = append(result, words[i])
		}
	}
	return result
}

// isOption tells whether a word behind "configure" is one of the pool's: with it the
// flags end.
func isOption(word string) bool {
	return word == "" || word[0] != '-' || single.MatchString(word) && word != "-json"
}

// inside is the command that a word leads to; others are arguments.
func inside(command *cobra.Command, word string) *cobra.Command {
	all := command.Commands()
	i := slices.IndexFunc(all, func(c *cobra.Command) bool { return c.Name() == word })
	if i < 0 {
		return command
	}
	return all[i]
}

// What a word that may be a flag takes.
const (
	unknown = iota
	nothing
	aWord
)

func takes(command *cobra.Command, word string) int {
	flags := command.Flags()
	flags.AddFlagSet(command.Root().PersistentFlags())
	var flag *pflag.Flag
	switch {
	case len(word) == 2 && word[0] == '-':
		flag = flags.ShorthandLookup(word[1:])
	case len(word) > 2 && word[:2] == "--":
		flag = flags.Lookup(word[2:])
	}
	switch {
	case flag == nil:
		return unknown
	case flag.NoOptDefVal != "":
		return nothing
	}
	return aWord
}
