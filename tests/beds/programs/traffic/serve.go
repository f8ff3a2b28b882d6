package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

const shutdownTime = 10 * time.Second

// server is the state that the listeners of one process share.
type server struct {
	name, version, pod string
	ready              atomic.Bool
	counters           *counters
	flaky              *flaky
	calls              []call
	onRequest          bool
}

type serveFlags struct {
	http, https, tcp, greets, grpc list
	calls                          pairs
	every, drain                   time.Duration
	mark                           string
}

func serve(name string, arguments []string) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	var f serveFlags
	f.calls = pairs{}
	flags.Var(&f.http, "http", "`address` for HTTP, as :8080 (IPv4 and IPv6); several are allowed")
	flags.Var(&f.https, "https", "`address` for HTTPS with a certificate of its own making")
	flags.Var(&f.tcp, "tcp", "`address` of a TCP echo")
	flags.Var(&f.greets, "tcp-greets", "`address` of a TCP echo that speaks first")
	flags.Var(&f.grpc, "grpc", "`address` for gRPC: health and echo")
	flags.Var(f.calls, "call", "`NAME=URL` to call for each request; http, tcp and grpc; several are allowed")
	flags.DurationVar(&f.every, "call-every", 0, "call that often for an hour, instead of for each request (at least 20ms)")
	flags.DurationVar(&f.drain, "drain", 0, "after SIGTERM serve that long, not ready, before closing")
	flags.StringVar(&f.mark, "mark", "", "`file` that is made when all listeners are open")
	notReady := flags.Bool("not-ready", false, "start with /ready failing")
	s := &server{counters: newCounters(), flaky: newFlaky()}
	flags.StringVar(&s.name, "name", environment("NAME", "traffic"), "what this server calls itself; $NAME")
	flags.StringVar(&s.version, "version", environment("VERSION", "v1"), "its version; $VERSION")
	if _, err := parse(flags, arguments, 0); err != nil {
		return err
	}
	if f.every != 0 && f.every < 20*time.Millisecond {
		return usage("--call-every: at least 20ms is expected")
	}
	var err error
	if s.pod, err = os.Hostname(); err != nil {
		return err
	}
	if s.calls, err = readCalls(f.calls); err != nil {
		return err
	}
	s.onRequest = f.every == 0
	s.ready.Store(!*notReady)
	return s.run(f)
}

func (s *server) run(f serveFlags) error {
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	failed := make(chan error, 1)
	closers, err := s.open(f, failed)
	if err != nil {
		return err
	}
	if f.mark != "" {
		if err := os.WriteFile(f.mark, nil, 0o644); err != nil {
			return err
		}
	}
	if !s.onRequest {
		go s.callAgain(stopped, f.every)
	}
	fmt.Fprintf(os.Stderr, "traffic: %s %s serves\n", s.name, s.version)
	select {
	case err := <-failed:
		return err
	case <-stopped.Done():
	}
	s.ready.Store(false)
	time.Sleep(f.drain)
	limit, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	for _, closer := range closers {
		closer(limit)
	}
	return nil
}

// open opens all listeners; what it returns closes them again, letting open requests finish.
func (s *server) open(f serveFlags, failed chan<- error) ([]func(context.Context), error) {
	var closers []func(context.Context)
	kinds := []struct {
		addresses list
		start     func(net.Listener, chan<- error) func(context.Context)
	}{
		{f.http, s.startHTTP},
		{f.https, s.startHTTPS},
		{f.tcp, s.startEcho},
		{f.greets, s.startGreeting},
		{f.grpc, s.startGRPC},
	}
	for _, kind := range kinds {
		for _, address := range kind.addresses {
			listener, err := net.Listen("tcp", address)
			if err != nil {
				return nil, err
			}
			closers = append(closers, kind.start(listener, failed))
		}
	}
	if len(closers) == 0 && s.onRequest {
		return nil, usage("serve: at least one address is expected, or --call-every")
	}
	return closers, nil
}

func (s *server) startHTTP(listener net.Listener, failed chan<- error) func(context.Context) {
	served := &http.Server{Handler: s.handler()}
	go func() {
		if err := served.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	return func(limit context.Context) { _ = served.Shutdown(limit) }
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
