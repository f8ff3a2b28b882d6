// Traffic is everything that runs in the pods of the tests: servers, clients, load, and a look at the wire.
//
// One static program, so that an image is one file. Each command has a file of its own; what they
// print is JSON, for tests to read. Not here: anything that knows of a mesh or of Kubernetes.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

type command struct {
	name, arguments, about string
	run                    func(name string, arguments []string) error
}

func commands() []command {
	return []command{
		{"serve", "[FLAGS]", "servers for HTTP, HTTPS, TCP and gRPC, several at once, until SIGTERM", serve},
		{"get", "URL [FLAGS]", "GET, once or often, and a summary", get},
		{"tcp", "HOST:PORT [FLAGS]", "send a line to a TCP echo and read it back", tcpClient},
		{"grpc", "HOST:PORT [FLAGS]", "ask gRPC for its health and for an echo", grpcClient},
		{"load", "URL [FLAGS]", "requests at a rate, or as fast as answers come, and their latencies", load},
		{"admit", "URL --body FILE --ca FILE", "POST as an API server does, at a rate or as fast as answers come", admit},
		{"wire", "--seconds S [FLAGS]", "what TCP connections carry, as seen on the interfaces here", wire},
		{"wait-for", "URL [FLAGS]", "GET until the answer is 200", waitFor},
		{"exec-ok", "FILE", "succeed if the file is there, for exec probes", execOK},
		{"exit", "STATUS [FLAGS]", "end with that status", exit},
		{"pause", "", "do nothing until SIGTERM; as process 1 collect what others leave behind", pause},
	}
}

func main() {
	if len(os.Args) > 1 {
		all := commands()
		at := slices.IndexFunc(all, func(c command) bool { return c.name == os.Args[1] })
		if at >= 0 {
			os.Exit(statusOf(all[at].run(os.Args[1], os.Args[2:])))
		}
	}
	fmt.Fprintln(os.Stderr, "traffic COMMAND ...; traffic COMMAND -h tells the flags")
	for _, c := range commands() {
		fmt.Fprintf(os.Stderr, "  %-9s %-19s %s\n", c.name, c.arguments, c.about)
	}
	os.Exit(2)
}

// exitStatus ends the program without a word: what it means has been printed already.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func statusOf(err error) int {
	var wanted exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wanted):
		return int(wanted)
	default:
		fmt.Fprintf(os.Stderr, "traffic: %v\n", err)
		return 1
	}
}
