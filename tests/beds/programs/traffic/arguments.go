package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

// parse reads flags before, between and after `wanted` words, which it returns.
// The flag package alone would stop at the first word.
func parse(flags *flag.FlagSet, arguments []string, wanted int) ([]string, error) {
	flags.SetOutput(os.Stderr)
	var words []string
	for {
		err := flags.Parse(arguments)
		if errors.Is(err, flag.ErrHelp) {
			return nil, exitStatus(0)
		}
		if err != nil {
			return nil, exitStatus(2)
		}
		if flags.NArg() == 0 {
			break
		}
		words = append(words, flags.Arg(0))
		arguments = flags.Args()[1:]
	}
	if len(words) != wanted {
		return nil, usage("%s: %d arguments expected, %d given", flags.Name(), wanted, len(words))
	}
	return words, nil
}

func usage(format string, values ...any) error {
	fmt.Fprintf(os.Stderr, "traffic: "+format+"\n", values...)
	return exitStatus(2)
}

// list is a flag that may be given several times, or once with commas.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(text string) error {
	*l = append(*l, strings.Split(text, ",")...)
	return nil
}

// pairs is a flag KEY=VALUE that may be given several times; the value may hold anything.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(text string) error {
	key, value, found := strings.Cut(text, "=")
	if !found || key == "" {
		return fmt.Errorf("KEY=VALUE is expected")
	}
	p[key] = value
	return nil
}

func allowErrors(flags *flag.FlagSet) *bool {
	return flags.Bool("allow-errors", false, "exit status 0 whatever comes")
}

// printFailure prints what went wrong, and ends with status 1 where errors are not allowed.
func printFailure(value any, allowed bool) error {
	if err := printJSON(value); err != nil || allowed {
		return err
	}
	return exitStatus(1)
}

func printJSON(value any) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false) // URLs are for people too
	return encoder.Encode(value)
}
