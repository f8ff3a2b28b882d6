package main

import (
	"context"
	"encoding/json"
	"flag"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	echoService = "traffic.Echo"
	echoMethod  = "/" + echoService + "/Say"
)

// health answers for every service name with what /ready says: probes may name any.
type health struct {
	grpc_health_v1.UnimplementedHealthServer
	server *server
}

func (h health) Check(
	context.Context, *grpc_health_v1.HealthCheckRequest,
) (*grpc_health_v1.HealthCheckResponse, error) {
	state := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if h.server.ready.Load() {
		state = grpc_health_v1.HealthCheckResponse_SERVING
	}
	return &grpc_health_v1.HealthCheckResponse{Status: state}, nil
}

func (s *server) startGRPC(listener net.Listener, failed chan<- error) func(context.Context) {
	served := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(served, health{server: s})
	// Written by hand: a text in and a text out need no generated code.
	served.RegisterService(&grpc.ServiceDesc{
		ServiceName: echoService,
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Say", Handler: s.sayGRPC}},
	}, s)
	go func() {
		if err := served.Serve(listener); err != nil {
			failed <- err
		}
	}()
	return func(limit context.Context) {
		stop := context.AfterFunc(limit, served.Stop)
		defer stop()
		served.GracefulStop()
	}
}

func (s *server) sayGRPC(
	_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor,
) (any, error) {
	var asked wrapperspb.StringValue
	if err := decode(&asked); err != nil {
		return nil, err
	}
	given := answer{
		Name: s.name, Version: s.version, Pod: s.pod, Method: "SAY", Path: asked.Value, Headers: map[string]string{},
	}
	if from, ok := peer.FromContext(ctx); ok {
		given.Peer, given.Local = from.Addr.String(), from.LocalAddr.String()
	}
	received, _ := metadata.FromIncomingContext(ctx)
	for name, values := range received {
		given.Headers[name] = strings.Join(values, ",")
	}
	if found := callerURI.FindStringSubmatch(given.Headers["x-forwarded-client-cert"]); found != nil {
		given.Caller = found[1]
	}
	s.counters.add("traffic_grpc_total", "caller", given.Caller)
	text, err := json.Marshal(given)
	return wrapperspb.String(string(text)), err
}

func grpcClient(name string, arguments []string) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	service := flags.String("service", "", "whose health is asked; empty: the server's")
	timeout := flags.Duration("timeout", 10*time.Second, "for all of it")
	allow := allowErrors(flags)
	words, err := parse(flags, arguments, 1)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	started := time.Now()
	state, err := grpcHealth(ctx, words[0], *service)
	said := ""
	if err == nil {
		said, err = grpcEcho(ctx, words[0], "ping")
	}
	if err != nil {
		failed := map[string]string{"health": state, "error": errorKind(err), "message": err.Error()}
		return printFailure(failed, *allow)
	}
	spent := milliseconds(time.Since(started))
	return printJSON(map[string]any{"health": state, "answer": json.RawMessage(said), "milliseconds": spent})
}

func grpcHealth(ctx context.Context, address, service string) (string, error) {
	connection, err := grpcConnection(address)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	asked := &grpc_health_v1.HealthCheckRequest{Service: service}
	answered, err := grpc_health_v1.NewHealthClient(connection).Check(ctx, asked)
	return answered.GetStatus().String(), err
}

func grpcEcho(ctx context.Context, address, text string) (string, error) {
	connection, err := grpcConnection(address)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	var said wrapperspb.StringValue
	err = connection.Invoke(ctx, echoMethod, wrapperspb.String(text), &said)
	return said.Value, err
}

func grpcConnection(address string) (*grpc.ClientConn, error) {
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	return grpc.NewClient("passthrough:///"+address, plain, grpc.WithNoProxy())
}
