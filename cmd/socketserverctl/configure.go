package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"socketserver/internal/answers"
	"socketserver/internal/control"
)

// completionTime is how many seconds someone who types waits for names.
const completionTime = 1.0

func (p *program) configureCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "configure [name [value [name value ...]]]",
		Short: "Shows the options of the pool, one of them, or changes some",
		Long: "Shows all options of the pool, shows one, or changes some, of those that can change while it runs.\n" +
			"Names are those of the pool, with their dash or without: configure workers 8 grace 10\n" +
			"The words after the first name are taken as they are: flags stand before it.",
		RunE:              func(_ *cobra.Command, args []string) error { return p.configure(args) },
		ValidArgsFunction: p.completeOption,
	}
}

func (p *program) configure(args []string) error {
	if len(args) > 1 && len(args)%2 != 0 {
		return usage("option %q has no value", args[len(args)-1])
	}
	words := []string{"configure"}
	for i, arg := range args {
		if i%2 == 0 {
			arg = "-" + strings.TrimPrefix(arg, "-")
		}
		words = append(words, arg)
	}
	if len(args) > 1 {
		return p.do("changed", words...)
	}
	answer, err := p.command(words...)
	if err != nil {
		return err
	}
	options := []string{"", answer}
	if len(args) == 0 {
		if options, err = readOptions(answer); err != nil {
			return err
		}
	} else {
		options[0] = words[1]
	}
	return p.showOptions(options, len(args) == 1)
}

// readOptions takes names and values apart.
func readOptions(answer string) ([]string, error) {
	options, err := control.SplitWords(answer)
	if err == nil && len(options)%2 != 0 {
		err = control.ErrWords
	}
	if err != nil {
		return nil, answers.NotUnderstood("configure", err)
	}
	return options, nil
}

// showOptions prints names and values, or the one value alone.
func (p *program) showOptions(options []string, isOne bool) error {
	if p.json {
		object := map[string]string{}
		for i := 0; i < len(options); i += 2 {
			object[strings.TrimPrefix(options[i], "-")] = options[i+1]
		}
		return p.printJSON(object)
	}
	if isOne {
		_, err := fmt.Fprintln(p.out, clean(options[1]))
		return err
	}
	to := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	for i := 0; i < len(options); i += 2 {
		value := "{}"
		if options[i+1] != "" {
			value = clean(options[i+1])
		}
		fmt.Fprintf(to, "%s\t%s\n", name(strings.TrimPrefix(options[i], "-")), value)
	}
	return to.Flush()
}

// completeOption offers the names of options where one is to stand, if a server
// tells them soon.
func (p *program) completeOption(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args)%2 != 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	p.seconds = min(p.seconds, completionTime)
	answer, err := p.command("configure")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	options, _ := readOptions(answer)
	var names []string
	for i := 0; i < len(options); i += 2 {
		option := clean(options[i])
		if !strings.HasPrefix(begun, "-") {
			option = strings.TrimPrefix(option, "-")
		}
		if strings.HasPrefix(option, begun) && !strings.ContainsAny(option, " \\:") {
			names = append(names, option)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
