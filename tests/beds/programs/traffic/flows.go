package main

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"regexp"
)

const mostFlows = 10000

// segment is one TCP segment, as much of it as counts here.
type segment struct {
	from, to netip.AddrPort
	syn, ack bool
	payload  []byte
}

// segmentOf reads an IPv4 or IPv6 packet; false for what is not TCP, or a later fragment.
func segmentOf(packet []byte) (segment, bool) {
	if len(packet) < 40 {
		return segment{}, false
	}
	var from, to netip.Addr
	var rest []byte
	switch packet[0] >> 4 {
	case 4:
		header, length := int(packet[0]&15)*4, int(binary.BigEndian.Uint16(packet[2:]))
		later := binary.BigEndian.Uint16(packet[6:])&0x1fff != 0
		// The length is 0 where the network card splits the packet.
		if length == 0 {
			length = len(packet)
		}
		if packet[9] != 6 || later || length > len(packet) || header > length {
			return segment{}, false
		}
		from, to = netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20]))
		rest = packet[header:length]
	case 6:
		// Extension headers do not occur between pods.
		if packet[6] != 6 {
			return segment{}, false
		}
		from, to = netip.AddrFrom16([16]byte(packet[8:24])), netip.AddrFrom16([16]byte(packet[24:40]))
		rest = packet[40:]
	}
	if len(rest) < 20 || int(rest[12]>>4)*4 > len(rest) {
		return segment{}, false
	}
	return segment{
		from:    netip.AddrPortFrom(from, binary.BigEndian.Uint16(rest)),
		to:      netip.AddrPortFrom(to, binary.BigEndian.Uint16(rest[2:])),
		syn:     rest[13]&2 != 0,
		ack:     rest[13]&16 != 0,
		payload: rest[int(rest[12]>>4)*4:],
	}, true
}

type flowKey struct {
	device       string
	client, peer netip.AddrPort
}

// flow is one TCP connection on one interface. Begun says whether its first packet was seen; if not,
// who is the client is a guess: the higher port.
type flow struct {
	Interface string `json:"interface"`
	Client    string `json:"client"`
	Server    string `json:"server"`
	Begun     bool   `json:"begun"`
	Request   stream `json:"request"`
	Response  stream `json:"response"`

	number int
}

// stream is one direction; Kind is tls, http, other, or "" where nothing was sent. First shows the
// beginning of plain text.
type stream struct {
	Kind  string `json:"kind"`
	First string `json:"first,omitempty"`
	Bytes int    `json:"bytes"`
}

func note(flows map[flowKey]*flow, device string, found segment) {
	there, back := flowKey{device, found.from, found.to}, flowKey{device, found.to, found.from}
	if known, ok := flows[back]; ok && !(found.syn && !found.ack) {
		known.Response.add(found.payload)
		return
	}
	known, ok := flows[there]
	if !ok {
		if len(flows) >= mostFlows {
			return
		}
		begun := found.syn && !found.ack
		if !begun && found.from.Port() < found.to.Port() || found.syn && found.ack {
			flows[back] = newFlow(back, false, len(flows))
			flows[back].Response.add(found.payload)
			return
		}
		known = newFlow(there, begun, len(flows))
		flows[there] = known
	}
	known.Request.add(found.payload)
}

func newFlow(key flowKey, begun bool, number int) *flow {
	return &flow{
		Interface: key.device, Client: key.client.String(), Server: key.peer.String(), Begun: begun, number: number,
	}
}

var (
	requestLine = regexp.MustCompile(`^([A-Z]{3,10} \S+ HTTP/1\.[01]|PRI \* HTTP/2\.0)\r\n`)
	statusLine  = regexp.MustCompile(`^HTTP/1\.[01] [1-5][0-9][0-9]`)
)

func (s *stream) add(payload []byte) {
	if len(payload) == 0 {
		return
	}
	s.Bytes += len(payload)
	if s.Kind != "" {
		return
	}
	s.Kind = kindOf(payload)
	if s.Kind != "tls" {
		first, _, _ := bytes.Cut(payload[:min(len(payload), 80)], []byte("\r\n"))
		s.First = printable(first)
	}
}

// kindOf tells by its first bytes what a stream carries.
func kindOf(payload []byte) string {
	switch {
	// A TLS record: its type, 20 to 23, and version 3.x.
	case len(payload) >= 3 && payload[0] >= 20 && payload[0] <= 23 && payload[1] == 3 && payload[2] <= 4:
		return "tls"
	case requestLine.Match(payload), statusLine.Match(payload), beginsHTTP2(payload):
		return "http"
	default:
		return "other"
	}
}

// beginsHTTP2 tells a server's first frame in HTTP/2: SETTINGS, on stream 0.
func beginsHTTP2(payload []byte) bool {
	return len(payload) >= 9 && payload[3] == 4 && bytes.Equal(payload[5:9], make([]byte, 4))
}

func printable(text []byte) string {
	shown := bytes.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, text)
	return string(shown)
}
