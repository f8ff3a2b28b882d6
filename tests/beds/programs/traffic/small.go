package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func waitFor(name string, arguments []string) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	timeout := flags.Duration("timeout", 30*time.Second, "for all tries together")
	words, err := parse(flags, arguments, 1)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(*timeout)
	client := newClient(false, 1, 2*time.Second)
	for {
		last := failure(request(client, words[0], nil))
		if last == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: no answer 200 within %s, the last try: %s", words[0], *timeout, last)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func execOK(name string, arguments []string) error {
	words, err := parse(flag.NewFlagSet(name, flag.ContinueOnError), arguments, 1)
	if err != nil {
		return err
	}
	_, err = os.Stat(words[0])
	return err
}

func exit(name string, arguments []string) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	after := flags.Duration("after", 0, "time to wait before")
	words, err := parse(flags, arguments, 1)
	if err != nil {
		return err
	}
	wanted, err := strconv.Atoi(words[0])
	if err != nil || wanted < 0 || wanted > 255 {
		return usage("exit: a status from 0 to 255 is expected")
	}
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	wait(stopped, *after)
	return exitStatus(wanted)
}

func pause(name string, arguments []string) error {
	if _, err := parse(flag.NewFlagSet(name, flag.ContinueOnError), arguments, 0); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return nil
		}
		for {
			// One signal may stand for several children.
			if child, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != nil || child <= 0 {
				break
			}
		}
	}
	return nil
}
