package main

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Labels hold what callers chose, so their number is bounded.
const mostSeries = 500

// counters are this program's own metrics, in Prometheus' text form.
type counters struct {
	mutex  sync.Mutex
	series map[string]uint64
}

func newCounters() *counters { return &counters{series: map[string]uint64{}} }

// add counts one event; labels come as name, value, name, value.
func (c *counters) add(metric string, labels ...string) {
	var text []string
	for i := 0; i+1 < len(labels); i += 2 {
		text = append(text, fmt.Sprintf("%s=%q", labels[i], labels[i+1]))
	}
	key := fmt.Sprintf("%s{%s}", metric, strings.Join(text, ","))
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if _, known := c.series[key]; !known && len(c.series) >= mostSeries {
		key = metric + `{too_many="true"}`
	}
	c.series[key]++
}

func (c *counters) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	var lines []string
	for key, count := range c.series {
		lines = append(lines, fmt.Sprintf("%s %d", key, count))
	}
	slices.Sort(lines)
	told := ""
	for _, line := range lines {
		if metric, _, _ := strings.Cut(line, "{"); metric != told {
			fmt.Fprintf(w, "# TYPE %s counter\n", metric)
			told = metric
		}
		fmt.Fprintln(w, line)
	}
}

// counted counts requests by who asked: the identity where a proxy vouches for one, else the address.
func (s *server) counted(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statusSeen{ResponseWriter: w, status: http.StatusOK}
		pages.ServeHTTP(seen, r)
		if r.URL.Path == "/metrics" {
			return
		}
		address, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			address = r.RemoteAddr
		}
		s.counters.add("traffic_requests_total",
			"peer", address, "caller", caller(r.Header), "status", fmt.Sprint(seen.status))
	})
}

type statusSeen struct {
	http.ResponseWriter
	status int
}

func (s *statusSeen) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}
