package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	longestDelay = time.Minute
	mostBytes    = 64 << 20
	mostKeys     = 1000
)

// answer is what every page but the special ones says: who answers, and what it saw of the caller.
// Peer is the other end of the connection; Caller the identity that a proxy in front vouches for.
type answer struct {
	Name      string            `json:"name"`
	Version   string            `json:"version"`
	Pod       string            `json:"pod"`
	Peer      string            `json:"peer"`
	Local     string            `json:"local"`
	Caller    string            `json:"caller"`
	Method    string            `json:"method"`
	Host      string            `json:"host"`
	Path      string            `json:"path"`
	Headers   map[string]string `json:"headers"`
	Upstreams []called          `json:"upstreams,omitempty"`
}

func (s *server) handler() http.Handler {
	pages := http.NewServeMux()
	pages.HandleFunc("/", s.echo)
	pages.HandleFunc("/healthz", say(http.StatusOK))
	pages.HandleFunc("/ready", s.readiness)
	pages.HandleFunc("/ready/{state}", s.setReadiness)
	pages.HandleFunc("/status/{code}", s.asStatus)
	pages.HandleFunc("/flaky", s.fails)
	pages.HandleFunc("/delay/{duration}", s.delays)
	pages.HandleFunc("/bytes/{count}", sized)
	pages.Handle("/metrics", s.counters)
	return s.counted(pages)
}

func (s *server) echo(w http.ResponseWriter, r *http.Request) { s.reply(w, r, http.StatusOK) }

func (s *server) reply(w http.ResponseWriter, r *http.Request, status int) {
	given := answer{
		Name: s.name, Version: s.version, Pod: s.pod,
		Peer: r.RemoteAddr, Caller: caller(r.Header), Method: r.Method, Host: r.Host, Path: r.URL.RequestURI(),
		Headers: map[string]string{},
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		given.Local = local.String()
	}
	for name, values := range r.Header {
		given.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	if s.onRequest {
		given.Upstreams = s.callAll(r.Context(), r.Header)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(given)
}

var callerURI = regexp.MustCompile(`URI=([^;,]+)`)

// caller reads the identity from the header that a proxy which ended mutual TLS adds; "" without it.
func caller(headers http.Header) string {
	found := callerURI.FindStringSubmatch(headers.Get("X-Forwarded-Client-Cert"))
	if found == nil {
		return ""
	}
	return found[1]
}

func say(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintln(w, http.StatusText(status))
	}
}

func (s *server) readiness(w http.ResponseWriter, r *http.Request) {
	if s.ready.Load() {
		say(http.StatusOK)(w, r)
		return
	}
	say(http.StatusServiceUnavailable)(w, r)
}

func (s *server) setReadiness(w http.ResponseWriter, r *http.Request) {
	switch r.PathValue("state") {
	case "on":
		s.ready.Store(true)
	case "off":
		s.ready.Store(false)
	default:
		http.Error(w, "/ready/on or /ready/off is expected", http.StatusBadRequest)
		return
	}
	say(http.StatusOK)(w, r)
}

func (s *server) asStatus(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil || code < 200 || code > 599 {
		http.Error(w, "/status/200 to /status/599 is expected", http.StatusBadRequest)
		return
	}
	s.reply(w, r, code)
}

func (s *server) delays(w http.ResponseWriter, r *http.Request) {
	wanted, err := time.ParseDuration(r.PathValue("duration"))
	if err != nil || wanted < 0 || wanted > longestDelay {
		http.Error(w, "/delay/1500ms is expected, at most a minute", http.StatusBadRequest)
		return
	}
	if wait(r.Context(), wanted) {
		s.reply(w, r, http.StatusOK)
	}
}

func sized(w http.ResponseWriter, r *http.Request) {
	count, err := strconv.ParseInt(r.PathValue("count"), 10, 64)
	if err != nil || count < 0 || count > mostBytes {
		http.Error(w, "/bytes/N is expected, N at most 64 MiB", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(count, 10))
	_, _ = io.CopyN(w, zeros{}, count)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// fails fails the first ?failures= requests of each ?key=, so that retries can be counted.
func (s *server) fails(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	failures, err := strconv.Atoi(asked.Get("failures"))
	if err != nil || asked.Get("key") == "" {
		http.Error(w, "/flaky?key=K&failures=2 is expected", http.StatusBadRequest)
		return
	}
	if s.flaky.count(asked.Get("key")) <= failures {
		s.reply(w, r, http.StatusServiceUnavailable)
		return
	}
	s.reply(w, r, http.StatusOK)
}

type flaky struct {
	mutex sync.Mutex
	seen  map[string]int
}

func newFlaky() *flaky { return &flaky{seen: map[string]int{}} }

// count returns the how manieth request of that key this is; too many keys begin anew.
func (f *flaky) count(key string) int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(f.seen) >= mostKeys {
		clear(f.seen)
	}
	f.seen[key]++
	return f.seen[key]
}

// wait returns whether the time passed before the context ended.
func wait(ctx context.Context, duration time.Duration) bool {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
