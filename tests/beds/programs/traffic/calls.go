package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	callTimeout = 5 * time.Second
	// mostCalling ends the calls of a server that nobody takes away.
	mostCalling = time.Hour
)

var callClient = newClient(true, 10, callTimeout)

// passedOn are the headers that an application hands to its own upstreams, so that a trace holds
// together and a rule that matches a header works in depth.
var passedOn = []string{"X-Request-Id", "Traceparent", "Tracestate", "End-User", "X-Canary"}

// call is an upstream that a server calls.
type call struct {
	name string
	to   *url.URL
}

// called is what came of it; Upstreams are those of the one that answered.
type called struct {
	To        string   `json:"to"`
	Status    string   `json:"status"`
	Version   string   `json:"version,omitempty"`
	Upstreams []called `json:"upstreams,omitempty"`
}

func readCalls(wanted pairs) ([]call, error) {
	var calls []call
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		to, err := url.Parse(wanted[name])
		if err != nil || !slices.Contains([]string{"http", "tcp", "grpc"}, to.Scheme) || to.Host == "" {
			return nil, usage("--call %s: an http, tcp or grpc URL is expected", name)
		}
		calls = append(calls, call{name, to})
	}
	return calls, nil
}

// callAgain calls all upstreams in an even rhythm until the context ends, and for an hour at most.
func (s *server) callAgain(ctx context.Context, every time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, mostCalling)
	defer cancel()
	rhythm := time.NewTicker(every)
	defer rhythm.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-rhythm.C:
			s.callAll(ctx, http.Header{})
		}
	}
}

func (s *server) callAll(ctx context.Context, headers http.Header) []called {
	var all []called
	for _, upstream := range s.calls {
		limit, cancel := context.WithTimeout(ctx, callTimeout)
		done := upstream.do(limit, headers)
		cancel()
		s.counters.add("traffic_calls_total", "to", done.To, "status", done.Status, "version", done.Version)
		all = append(all, done)
	}
	return all
}

func (c call) do(ctx context.Context, headers http.Header) called {
	done := called{To: c.name}
	var err error
	switch c.to.Scheme {
	case "http":
		err = c.byHTTP(ctx, headers, &done)
	case "tcp":
		_, err = tcpRoundTrip(ctx, c.to.Host, "ping", false)
		done.Status = "OK"
	case "grpc":
		var said string
		said, err = grpcEcho(ctx, c.to.Host, "ping")
		done.Status, done.Version = "OK", versionIn([]byte(said))
	}
	if err != nil {
		done.Status = errorKind(err)
	}
	return done
}

func (c call) byHTTP(ctx context.Context, headers http.Header, done *called) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.to.String(), nil)
	if err != nil {
		return err
	}
	for _, name := range passedOn {
		if value := headers.Get(name); value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := callClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	var said answer
	_ = json.Unmarshal(body, &said) // not every answer is from this program
	done.Status, done.Version, done.Upstreams = fmt.Sprint(response.StatusCode), said.Version, said.Upstreams
	return nil
}

func versionIn(body []byte) string {
	var said answer
	_ = json.Unmarshal(body, &said) // not every answer is from this program
	return said.Version
}
