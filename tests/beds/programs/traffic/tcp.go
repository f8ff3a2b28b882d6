package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// quietTime ends echo connections of which nothing is heard.
const quietTime = 5 * time.Minute

func (s *server) startEcho(listener net.Listener, failed chan<- error) func(context.Context) {
	return s.startTCP(listener, "", failed)
}

func (s *server) startGreeting(listener net.Listener, failed chan<- error) func(context.Context) {
	return s.startTCP(listener, fmt.Sprintf("%s %s\n", s.name, s.version), failed)
}

func (s *server) startTCP(listener net.Listener, greeting string, failed chan<- error) func(context.Context) {
	closed := make(chan struct{})
	var open sync.WaitGroup
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				select {
				case <-closed:
				default:
					failed <- err
				}
				return
			}
			s.counters.add("traffic_connections_total", "greeting", fmt.Sprint(greeting != ""))
			open.Go(func() { echo(connection, greeting) })
		}
	}()
	return func(limit context.Context) {
		close(closed)
		_ = listener.Close()
		finished := make(chan struct{})
		go func() { open.Wait(); close(finished) }()
		select {
		case <-finished:
		case <-limit.Done():
		}
	}
}

func echo(connection net.Conn, greeting string) {
	defer connection.Close()
	if _, err := io.WriteString(connection, greeting); err != nil {
		return
	}
	buffer := make([]byte, 32<<10)
	for {
		_ = connection.SetDeadline(time.Now().Add(quietTime))
		count, err := connection.Read(buffer)
		if _, failed := connection.Write(buffer[:count]); err != nil || failed != nil {
			return
		}
	}
}

// spoken is what one TCP round trip heard.
type spoken struct {
	Greeting     string  `json:"greeting,omitempty"`
	Received     string  `json:"received"`
	Local        string  `json:"local"`
	Peer         string  `json:"peer"`
	Milliseconds float64 `json:"milliseconds"`
}

func tcpClient(name string, arguments []string) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	text := flags.String("send", "ping", "`line` to send")
	greets := flags.Bool("greets", false, "the server speaks first: wait for its line before sending")
	held := flags.Bool("held", false, "send the lines of stdin, over one connection, and print each that comes back")
	timeout := flags.Duration("timeout", 10*time.Second, "for all of it; with --held for each line")
	allow := allowErrors(flags)
	words, err := parse(flags, arguments, 1)
	if err != nil {
		return err
	}
	if *held {
		return holdTCP(words[0], *timeout)
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	heard, err := tcpRoundTrip(ctx, words[0], *text, *greets)
	if err != nil {
		return printFailure(map[string]string{"error": errorKind(err), "message": err.Error()}, *allow)
	}
	return printJSON(heard)
}

func tcpRoundTrip(ctx context.Context, address, text string, greets bool) (spoken, error) {
	started := time.Now()
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return spoken{}, err
	}
	defer connection.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = connection.SetDeadline(deadline)
	}
	heard := spoken{Local: connection.LocalAddr().String(), Peer: connection.RemoteAddr().String()}
	lines := bufio.NewReader(connection)
	if greets {
		if heard.Greeting, err = line(lines); err != nil {
			return spoken{}, err
		}
	}
	if _, err := io.WriteString(connection, text+"\n"); err != nil {
		return spoken{}, err
	}
	if heard.Received, err = line(lines); err != nil {
		return spoken{}, err
	}
	if heard.Received != text {
		return spoken{}, fmt.Errorf("%q came back for %q", heard.Received, text)
	}
	heard.Milliseconds = milliseconds(time.Since(started))
	return heard, nil
}

// holdTCP ends with stdin, with the connection, or after a time in which nobody said anything.
func holdTCP(address string, timeout time.Duration) error {
	connection, err := net.DialTimeout("tcp", address, timeout)
	if err != nil {
		return err
	}
	defer connection.Close()
	// Nothing else ends the reading of a stdin that stays silent.
	quiet := time.AfterFunc(quietTime, func() { os.Exit(1) })
	lines, said := bufio.NewReader(connection), bufio.NewScanner(os.Stdin)
	for said.Scan() {
		quiet.Reset(quietTime)
		_ = connection.SetDeadline(time.Now().Add(timeout))
		if _, err := io.WriteString(connection, said.Text()+"\n"); err != nil {
			return err
		}
		heard, err := line(lines)
		if err != nil {
			return err
		}
		fmt.Println(heard)
	}
	return said.Err()
}

func line(from *bufio.Reader) (string, error) {
	text, err := from.ReadString('\n')
	if err != nil {
		return "", err
	}
	return text[:len(text)-1], nil
}
