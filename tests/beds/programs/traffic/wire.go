package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

const mostWireSeconds = 300

// wire listens on the interfaces of the network namespace that it runs in. It says "listening" on
// stderr once nothing can be missed, and prints one line for each connection at the end.
func wire(name string, arguments []string) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	seconds := flags.Float64("seconds", 0, "how long, at most 300; SIGTERM ends it early")
	port := flags.Int("port", 0, "only connections with this port at one end")
	device := flags.String("interface", "", "only this one, as eth0; else all of them, each with lines of its own")
	untilEOF := flags.Bool("until-eof", false, "end when stdin ends, for callers whose signals do not get here")
	if _, err := parse(flags, arguments, 0); err != nil {
		return err
	}
	if *seconds <= 0 || *seconds > mostWireSeconds {
		return usage("wire: --seconds above 0 and at most %d is expected", mostWireSeconds)
	}
	socket, err := listen(*device)
	if err != nil {
		return fmt.Errorf("wire: %w (as root, in the network namespace in question)", err)
	}
	defer syscall.Close(socket)
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	limit, cancel := context.WithTimeout(stopped, time.Duration(*seconds*float64(time.Second)))
	defer cancel()
	if *untilEOF {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	fmt.Fprintln(os.Stderr, "traffic: listening")
	seen, err := watch(limit, socket, *port)
	if err != nil {
		return err
	}
	inOrder := slices.SortedFunc(maps.Values(seen), func(a, b *flow) int { return cmp.Compare(a.number, b.number) })
	for _, found := range inOrder {
		if err := printJSON(found); err != nil {
			return err
		}
	}
	return nil
}

// listen opens a packet socket. "Cooked" packets begin with the IP header on every kind of interface.
func listen(device string) (int, error) {
	everything := int(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, syscall.ETH_P_ALL)))
	socket, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM, everything)
	if err != nil {
		return 0, err
	}
	if device != "" {
		found, err := net.InterfaceByName(device)
		if err != nil {
			return 0, err
		}
		address := &syscall.SockaddrLinklayer{Protocol: uint16(everything), Ifindex: found.Index}
		if err := syscall.Bind(socket, address); err != nil {
			return 0, err
		}
	}
	// A burst while this program does not run would overflow the usual buffer.
	_ = syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 8<<20)
	tick := syscall.NsecToTimeval(int64(100 * time.Millisecond))
	return socket, syscall.SetsockoptTimeval(socket, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &tick)
}

func watch(ctx context.Context, socket, port int) (map[flowKey]*flow, error) {
	flows, names := map[flowKey]*flow{}, map[int]string{}
	buffer := make([]byte, 64<<10)
	for ctx.Err() == nil {
		count, from, err := syscall.Recvfrom(socket, buffer, 0)
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		link, ok := from.(*syscall.SockaddrLinklayer)
		found, tcp := segmentOf(buffer[:count])
		if !ok || !tcp || port != 0 && int(found.from.Port()) != port && int(found.to.Port()) != port {
			continue
		}
		if _, known := names[link.Ifindex]; !known {
			names[link.Ifindex] = interfaceName(link.Ifindex)
		}
		// The loopback interface shows each packet as it leaves and as it arrives.
		if names[link.Ifindex] == "lo" && link.Pkttype == syscall.PACKET_OUTGOING {
			continue
		}
		note(flows, names[link.Ifindex], found)
	}
	return flows, nil
}

func interfaceName(index int) string {
	if found, err := net.InterfaceByIndex(index); err == nil {
		return found.Name
	}
	return fmt.Sprint(index)
}
