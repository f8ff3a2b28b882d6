package main

import _ "google.golang.org/grpc/health/grpc_health_v1"

func main() {}
