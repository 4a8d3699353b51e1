// An empty external processor on grpc-go: it parses what Envoy sends, answers it with nothing to change, and that is all.
//
// Written as one would write a fast one: the answers are made once and shared, the request of a stream is parsed into
// the same message again and again, and everything else is grpc-go's and the runtime's default.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	extproc "external_processor"
)

// How long streams that are open may take to end after SIGTERM.
const grace = time.Second

var (
	requestHeaders = &extproc.ProcessingResponse{
		Response: &extproc.ProcessingResponse_RequestHeaders{RequestHeaders: &extproc.HeadersResponse{}}}
	responseHeaders = &extproc.ProcessingResponse{
		Response: &extproc.ProcessingResponse_ResponseHeaders{ResponseHeaders: &extproc.HeadersResponse{}}}
	requestBody = &extproc.ProcessingResponse{
		Response: &extproc.ProcessingResponse_RequestBody{RequestBody: &extproc.BodyResponse{}}}
	responseBody = &extproc.ProcessingResponse{
		Response: &extproc.ProcessingResponse_ResponseBody{ResponseBody: &extproc.BodyResponse{}}}
	requestTrailers = &extproc.ProcessingResponse{
		Response: &extproc.ProcessingResponse_RequestTrailers{RequestTrailers: &extproc.TrailersResponse{}}}
	responseTrailers = &extproc.ProcessingResponse{
		Response: &extproc.ProcessingResponse_ResponseTrailers{ResponseTrailers: &extproc.TrailersResponse{}}}
)

// The empty answer to a request, or nil if it asks nothing that we know.
func answer(request *extproc.ProcessingRequest) *extproc.ProcessingResponse {
	switch request.Request.(type) {
	case *extproc.ProcessingRequest_RequestHeaders:
		return requestHeaders
	case *extproc.ProcessingRequest_ResponseHeaders:
		return responseHeaders
	case *extproc.ProcessingRequest_RequestBody:
		return requestBody
	case *extproc.ProcessingRequest_ResponseBody:
		return responseBody
	case *extproc.ProcessingRequest_RequestTrailers:
		return requestTrailers
	case *extproc.ProcessingRequest_ResponseTrailers:
		return responseTrailers
	}
	return nil
}

type processor struct {
	extproc.UnimplementedExternalProcessorServer
}

func (processor) Process(stream extproc.ExternalProcessor_ProcessServer) error {
	var request extproc.ProcessingRequest
	for {
		if err := stream.RecvMsg(&request); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		response := answer(&request)
		if response == nil {
			return status.Error(codes.InvalidArgument, "a request of no kind that is known here")
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

func serve(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	extproc.RegisterExternalProcessorServer(server, processor{})

	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-asked
		time.AfterFunc(grace, server.Stop)
		server.GracefulStop()
	}()
	return server.Serve(listener)
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatalf("usage: %s SOCKET | --version", os.Args[0])
	}
	if os.Args[1] == "--version" {
		fmt.Printf("grpc-go %s, %s\n", grpc.Version, runtime.Version())
		return
	}
	if err := serve(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
