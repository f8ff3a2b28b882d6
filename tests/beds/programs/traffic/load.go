package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	mostSeconds     = 60
	mostRate        = 20000
	mostConnections = 200
)

// plan is one run of load. Closed: each connection asks again as soon as it has its answer.
// Else Rate requests a second are due, whatever the answers do.
type plan struct {
	url         string
	rate        float64
	connections int
	seconds     float64
	warmUp      time.Duration
	closed      bool
}

func load(name string, arguments []string) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	var p plan
	flags.Float64Var(&p.rate, "rate", 100, "requests a second, at most 20000")
	flags.IntVar(&p.connections, "connections", 4, "connections, at most 200")
	flags.Float64Var(&p.seconds, "seconds", 5, "time that is measured, at most 60")
	flags.DurationVar(&p.warmUp, "warm-up", 500*time.Millisecond, "time before it that does not count, at most 10s")
	flags.BoolVar(&p.closed, "closed", false, "no rate: the next request follows the answer")
	allow := allowErrors(flags)
	words, err := parse(flags, arguments, 1)
	if err != nil {
		return err
	}
	p.url = words[0]
	switch {
	case p.seconds <= 0 || p.seconds > mostSeconds || p.warmUp < 0 || p.warmUp > 10*time.Second:
		return usage("load: more than 0 and at most %d seconds are expected, 10s to warm up", mostSeconds)
	case p.rate <= 0 || p.rate > mostRate:
		return usage("load: a rate above 0 and at most %d is expected", mostRate)
	case p.connections < 1 || p.connections > mostConnections:
		return usage("load: 1 to %d connections are expected", mostConnections)
	}
	told := p.run()
	if len(told.Errors) > 0 {
		return printFailure(told, *allow)
	}
	return printJSON(told)
}

// measured is what a run brought; Errors count answers that are not 200 as well, by their status.
type measured struct {
	URL          string         `json:"url"`
	Closed       bool           `json:"closed"`
	Wanted       float64        `json:"wantedRate,omitempty"`
	Rate         float64        `json:"rate"`
	Connections  int            `json:"connections"`
	Seconds      float64        `json:"seconds"`
	Requests     int            `json:"requests"`
	Errors       map[string]int `json:"errors"`
	Milliseconds quantiles      `json:"milliseconds"`
}

// tally is what one connection counted, so that connections share no lock.
type tally struct {
	spent  []time.Duration
	errors map[string]int
}

func (p plan) run() measured {
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	tallies := make([]tally, p.connections)
	began := time.Now()
	counts := began.Add(p.warmUp)
	ends := counts.Add(time.Duration(p.seconds * float64(time.Second)))
	var open sync.WaitGroup
	for number := range tallies {
		open.Go(func() { tallies[number] = p.connection(stopped, number, began, counts, ends) })
	}
	open.Wait()
	told := measured{
		URL: p.url, Closed: p.closed, Connections: p.connections, Seconds: time.Since(counts).Seconds(),
		Errors: map[string]int{},
	}
	if !p.closed {
		told.Wanted = p.rate
	}
	var spent []time.Duration
	for _, counted := range tallies {
		spent = append(spent, counted.spent...)
		for kind, count := range counted.errors {
			told.Errors[kind] += count
		}
	}
	told.Requests = len(spent)
	told.Rate = float64(len(spent)) / told.Seconds
	told.Milliseconds = quantilesOf(spent)
	return told
}

// connection sends what is due on one connection. A request that is late because the connection was
// busy counts from when it was due; that a sleeper wakes late is this machine's fault and does not count.
func (p plan) connection(ctx context.Context, number int, began, counts, ends time.Time) tally {
	client := newClient(true, 1, 10*time.Second)
	counted := tally{errors: map[string]int{}}
	for turn := 0; ctx.Err() == nil; turn++ {
		from := time.Now()
		if !p.closed {
			due := began.Add(p.due(number + turn*p.connections))
			if early := time.Until(due); early > 0 {
				if due.After(ends) || !wait(ctx, early) {
					break
				}
				from = time.Now()
			} else {
				from = due
			}
		}
		if from.After(ends) || time.Now().After(ends) {
			break
		}
		kind := failure(request(client, p.url, nil))
		if from.Before(counts) {
			continue
		}
		counted.spent = append(counted.spent, time.Since(from))
		if kind != "" {
			counted.errors[kind]++
		}
	}
	return counted
}

// due is when the request of that number is to be sent, from the start on.
func (p plan) due(number int) time.Duration {
	return time.Duration(float64(number) / p.rate * float64(time.Second))
}

func failure(r result) string {
	switch {
	case r.err != nil:
		return errorKind(r.err)
	case r.status != http.StatusOK:
		return fmt.Sprint(r.status)
	default:
		return ""
	}
}
