package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	mostRequests    = 20000
	mostConcurrency = 100
	mostBody        = mostBytes
)

type getFlags struct {
	headers           pairs
	count, concurrent int
	every, timeout    time.Duration
	keepAlive         bool
}

func get(name string, arguments []string) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	f := getFlags{headers: pairs{}}
	flags.IntVar(&f.count, "count", 1, "requests, at most 20000; SIGTERM ends them early, with the summary")
	flags.IntVar(&f.concurrent, "concurrency", 1, "requests at the same time, at most 100")
	flags.DurationVar(&f.every, "every", 0, "time from the start of a request to the start of the next")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second, "for one request")
	flags.Var(f.headers, "header", "`NAME=VALUE` of a request header; several are allowed, Host among them")
	flags.BoolVar(&f.keepAlive, "keep-alive", false, "use connections again; else each request has its own")
	allow := allowErrors(flags)
	words, err := parse(flags, arguments, 1)
	if err != nil {
		return err
	}
	if f.count < 1 || f.count > mostRequests || f.concurrent < 1 || f.concurrent > mostConcurrency {
		return usage("get: 1 to %d requests and 1 to %d at a time are expected", mostRequests, mostConcurrency)
	}
	told := newSummary(words[0])
	getAll(words[0], f, told)
	told.finish()
	if told.Failed > 0 {
		return printFailure(told, *allow)
	}
	return printJSON(told)
}

func getAll(url string, f getFlags, told *summary) {
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	client := newClient(f.keepAlive, f.concurrent, f.timeout)
	places := make(chan struct{}, f.concurrent)
	var open sync.WaitGroup
	started := time.Now()
	for number := range f.count {
		if !wait(stopped, time.Until(started.Add(time.Duration(number)*f.every))) {
			break
		}
		places <- struct{}{}
		open.Go(func() {
			told.add(request(client, url, f.headers))
			<-places
		})
	}
	open.Wait()
}

// newClient ignores proxies of the environment and takes any certificate: what is tested is the way.
func newClient(keepAlive bool, connections int, timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DisableKeepAlives:   !keepAlive,
			MaxIdleConnsPerHost: connections,
			TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // a client of tests
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// result is what became of one request; body is an answer of ours where it is one.
type result struct {
	err     error
	status  int
	headers http.Header
	body    []byte
	spent   time.Duration
}

func request(client *http.Client, url string, headers map[string]string) result {
	started := time.Now()
	asked, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return result{err: err}
	}
	for name, value := range headers {
		asked.Header.Set(name, value)
	}
	asked.Host = asked.Header.Get("Host")
	response, err := client.Do(asked)
	if err != nil {
		return result{err: err, spent: time.Since(started)}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostBody))
	return result{err, response.StatusCode, response.Header, body, time.Since(started)}
}

// summary counts what many requests brought. Failed are those without an answer or with one from
// 400 on; Last is the last answer.
type summary struct {
	URL          string         `json:"url"`
	Requests     int            `json:"requests"`
	Failed       int            `json:"failed"`
	Statuses     map[string]int `json:"statuses"`
	Versions     map[string]int `json:"versions"`
	Pods         map[string]int `json:"pods"`
	Callers      map[string]int `json:"callers"`
	Errors       map[string]int `json:"errors"`
	Milliseconds quantiles      `json:"milliseconds"`
	Last         lastAnswer     `json:"last"`

	mutex sync.Mutex
	spent []time.Duration
}

type lastAnswer struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	JSON    json.RawMessage   `json:"json,omitempty"`
	Text    string            `json:"text,omitempty"`
	Bytes   int               `json:"bytes"`
	Error   string            `json:"error,omitempty"`
}

func newSummary(url string) *summary {
	return &summary{
		URL: url, Statuses: map[string]int{}, Versions: map[string]int{}, Pods: map[string]int{},
		Callers: map[string]int{}, Errors: map[string]int{},
	}
}

func (s *summary) add(r result) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.Requests++
	s.spent = append(s.spent, r.spent)
	if r.err != nil || r.status >= http.StatusBadRequest {
		s.Failed++
	}
	if r.err != nil {
		s.Errors[errorKind(r.err)]++
		s.Last = lastAnswer{Error: r.err.Error()}
		return
	}
	s.Statuses[fmt.Sprint(r.status)]++
	s.Last = lastAnswer{Status: r.status, Headers: map[string]string{}, Bytes: len(r.body)}
	for name := range r.headers {
		s.Last.Headers[name] = r.headers.Get(name)
	}
	var said answer
	if json.Unmarshal(r.body, &said) != nil {
		s.Last.Text = string(r.body[:min(len(r.body), 1000)])
		return
	}
	s.Last.JSON = r.body
	if said.Pod != "" {
		s.Versions[said.Version]++
		s.Pods[said.Pod]++
		s.Callers[said.Caller]++
	}
}

func (s *summary) finish() { s.Milliseconds = quantilesOf(s.spent) }
