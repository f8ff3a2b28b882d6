package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	mostAdmitSeconds = 900
	mostOpen         = 20000
	mostMarks        = 1 << 20
)

// admission is one run of POSTs as an API server's: a connection is used again, up to `idle` are kept,
// and who is told Retry-After calls again while its time lasts. Closed: `callers` of them, each asks
// again once it has its answer. Else Rate requests a second are due, whatever the answers do.
// Where there are `bodies`, each is sent once, and the run ends with the last.
type admission struct {
	url      string
	body     []byte
	bodies   [][]byte
	mark     []byte
	first    int64
	rate     float64
	callers  int
	closed   bool
	idle     int
	retries  int
	timeout  time.Duration
	seconds  float64
	requests int64
	warmUp   time.Duration
	counts   time.Time
	next     atomic.Int64
	opened   atomic.Int64
	client   *http.Client
	mutex    sync.Mutex
	told     admitted
	accepted []time.Duration
	refused  []time.Duration
	smallest int64
	largest  int64
}

// admitted is what a run brought. Answered are those with status 200, Bytes the smallest and the largest of
// their answers; Statuses count last answers.
type admitted struct {
	Seconds     float64        `json:"seconds"`
	Requests    int            `json:"requests"`
	Answered    int            `json:"answered"`
	Rate        float64        `json:"rate"`
	Statuses    map[string]int `json:"statuses"`
	Errors      map[string]int `json:"errors"`
	Retries     int            `json:"retries"`
	Connections int64          `json:"connections"`
	Accepted    quantiles      `json:"acceptedMilliseconds"`
	Refused     quantiles      `json:"refusedMilliseconds"`
	Bytes       [2]int64       `json:"acceptedBytes"`
}

func admit(name string, arguments []string) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	a := &admission{told: admitted{Statuses: map[string]int{}, Errors: map[string]int{}}}
	file := flags.String("body", "", "`FILE` with the body of each request")
	lines := flags.String("bodies", "", "`FILE` with a body on each line; each is sent once")
	authority := flags.String("ca", "", "`FILE` with the CA of the server, PEM")
	mark := flags.String("mark", "", "text in the body that five hexadecimal digits replace, others for each request")
	flags.Float64Var(&a.rate, "rate", 100, "requests a second")
	flags.IntVar(&a.callers, "callers", 4, "with --closed: how many ask")
	flags.BoolVar(&a.closed, "closed", false, "no rate: the next request follows the answer")
	flags.IntVar(&a.idle, "idle", 25, "idle connections that are kept")
	flags.IntVar(&a.retries, "retries", 10, "how often Retry-After is obeyed for one request")
	flags.DurationVar(&a.timeout, "timeout", 10*time.Second, "for one request with its retries")
	flags.Float64Var(&a.seconds, "seconds", 5, "time that is measured, at most 900")
	flags.Int64Var(&a.requests, "requests", 0, "end after so many; 0: when the time is over")
	flags.DurationVar(&a.warmUp, "warm-up", 500*time.Millisecond, "time before it that does not count")
	words, err := parse(flags, arguments, 1)
	if err != nil {
		return err
	}
	if a.seconds <= 0 || a.seconds > mostAdmitSeconds || a.rate <= 0 || a.callers < 1 || a.callers > mostOpen {
		return usage("admit: more than 0 and at most %d seconds, a rate, and callers are expected", mostAdmitSeconds)
	}
	if err = a.readBodies(*file, *lines); err != nil {
		return err
	}
	trust := x509.NewCertPool()
	pem, err := os.ReadFile(*authority)
	if err != nil {
		return err
	}
	if !trust.AppendCertsFromPEM(pem) {
		return fmt.Errorf("admit: %s holds no certificate", *authority)
	}
	a.url, a.mark, a.client = words[0], []byte(*mark), a.newClient(trust)
	// Reviews that an earlier load sent may have been learned.
	a.first = rand.Int64N(mostMarks)
	a.run()
	return printJSON(a.told)
}

// readBodies reads the one body, or one for each request.
func (a *admission) readBodies(file, lines string) (err error) {
	if lines == "" {
		a.body, err = os.ReadFile(file)
		return err
	}
	whole, err := os.ReadFile(lines)
	a.bodies = bytes.Split(bytes.TrimRight(whole, "\n"), []byte("\n"))
	if most := int64(len(a.bodies)); a.requests == 0 || a.requests > most {
		a.requests = most
	}
	return err
}

// newClient is shaped as the API server's client for webhooks; InsecureSkipVerify would spare the work.
func (a *admission) newClient(trust *x509.CertPool) *http.Client {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: trust, NextProtos: []string{"http/1.1"}},
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: a.idle,
		IdleConnTimeout:     90 * time.Second,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			a.opened.Add(1)
			return dialer.DialContext(ctx, network, address)
		},
	}}
}

func (a *admission) run() {
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	began := time.Now()
	a.counts = began.Add(a.warmUp)
	ends := a.counts.Add(time.Duration(a.seconds * float64(time.Second)))
	var open sync.WaitGroup
	// due is the number of the next request, and whether there is one.
	due := func() (int64, bool) {
		if stopped.Err() != nil || !time.Now().Before(ends) {
			return 0, false
		}
		number := a.next.Add(1)
		return number, a.requests == 0 || number <= a.requests
	}
	if a.closed {
		for range a.callers {
			open.Go(func() {
				for number, is := due(); is; number, is = due() {
					a.one(stopped, number)
				}
			})
		}
	} else {
		places := make(chan struct{}, mostOpen)
		for number, is := due(); is; number, is = due() {
			at := began.Add(time.Duration(float64(number-1) / a.rate * float64(time.Second)))
			if !wait(stopped, time.Until(at)) {
				break
			}
			places <- struct{}{}
			open.Go(func() {
				a.one(stopped, number)
				<-places
			})
		}
	}
	open.Wait()
	a.told.Seconds = min(time.Since(a.counts).Seconds(), a.seconds)
	a.told.Rate = float64(a.told.Answered) / a.told.Seconds
	a.told.Connections = a.opened.Load()
	a.told.Accepted, a.told.Refused = quantilesOf(a.accepted), quantilesOf(a.refused)
	a.told.Bytes = [2]int64{a.smallest, a.largest}
}

// one sends a request, and again where it is asked to.
func (a *admission) one(stopped context.Context, number int64) {
	ctx, cancel := context.WithTimeout(stopped, a.timeout)
	defer cancel()
	body := a.bodyOf(number)
	from := time.Now()
	retries := 0
	for {
		status, size, pause, err := a.post(ctx, body)
		if err == nil && pause >= 0 && retries < a.retries && wait(ctx, pause) {
			retries++
			continue
		}
		a.note(outcome{from, time.Since(from), status, size, retries, err})
		return
	}
}

func (a *admission) bodyOf(number int64) []byte {
	switch {
	case a.bodies != nil:
		return a.bodies[number-1]
	case len(a.mark) > 0:
		return bytes.ReplaceAll(a.body, a.mark, fmt.Appendf(nil, "%05x", (a.first+number)%mostMarks))
	default:
		return a.body
	}
}

// post sends a request once; `pause` is what Retry-After asks for, negative where it does not.
func (a *admission) post(ctx context.Context, body []byte) (status int, size int64, pause time.Duration, err error) {
	asked, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return 0, 0, -1, err
	}
	asked.Header.Set("Content-Type", "application/json")
	answer, err := a.client.Do(asked)
	if err != nil {
		return 0, 0, -1, err
	}
	defer answer.Body.Close()
	if size, err = io.Copy(io.Discard, answer.Body); err != nil {
		return 0, 0, -1, err
	}
	pause = -1
	if answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= http.StatusInternalServerError {
		if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil {
			pause = time.Duration(seconds) * time.Second
		}
	}
	return answer.StatusCode, size, pause, nil
}

// outcome is what came of one request with its retries.
type outcome struct {
	from    time.Time
	spent   time.Duration
	status  int
	size    int64
	retries int
	err     error
}

func (a *admission) note(o outcome) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if o.from.Before(a.counts) {
		return
	}
	a.told.Requests++
	a.told.Retries += o.retries
	switch {
	case o.err != nil:
		a.told.Errors[errorKind(o.err)]++
		return
	case o.status == http.StatusOK:
		if a.told.Answered == 0 {
			a.smallest = o.size
		}
		a.smallest, a.largest = min(a.smallest, o.size), max(a.largest, o.size)
		a.told.Answered++
		a.accepted = append(a.accepted, o.spent)
	default:
		a.refused = append(a.refused, o.spent)
	}
	a.told.Statuses[strconv.Itoa(o.status)]++
}
