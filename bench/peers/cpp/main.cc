// An empty external processor on gRPC C++: it parses what Envoy sends, answers it with nothing to change, and that is
// all.
//
// Written as one would write a fast one: the callback API, requests on an arena whose first block is part of the stream's
// own object, answers that are made once and shared, and gRPC's defaults for everything else.

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>

#include <google/protobuf/arena.h>
#include <grpcpp/grpcpp.h>

#include "external_processor.grpc.pb.h"

namespace {

using envoy::service::ext_proc::v3::ExternalProcessor;
using envoy::service::ext_proc::v3::ProcessingRequest;
using envoy::service::ext_proc::v3::ProcessingResponse;
using google::protobuf::Arena;
using google::protobuf::ArenaOptions;

// How long streams that are open may take to end after SIGTERM.
constexpr std::chrono::seconds kGrace(1);
// Bytes for a parsed message: more than the headers that a client usually sends.
constexpr size_t kFirstBlock = 4096;

// The empty answers, one of each kind.
class Answers {
 public:
  Answers() {
    request_headers_.mutable_request_headers();
    response_headers_.mutable_response_headers();
    request_body_.mutable_request_body();
    response_body_.mutable_response_body();
    request_trailers_.mutable_request_trailers();
    response_trailers_.mutable_response_trailers();
  }

  // The answer to a request, or null if it asks nothing that we know.
  const ProcessingResponse* To(const ProcessingRequest& request) const {
    switch (request.request_case()) {
      case ProcessingRequest::kRequestHeaders:
        return &request_headers_;
      case ProcessingRequest::kResponseHeaders:
        return &response_headers_;
      case ProcessingRequest::kRequestBody:
        return &request_body_;
      case ProcessingRequest::kResponseBody:
        return &response_body_;
      case ProcessingRequest::kRequestTrailers:
        return &request_trailers_;
      case ProcessingRequest::kResponseTrailers:
        return &response_trailers_;
      case ProcessingRequest::REQUEST_NOT_SET:
        return nullptr;
    }
    return nullptr;
  }

 private:
  ProcessingResponse request_headers_, response_headers_;
  ProcessingResponse request_body_, response_body_;
  ProcessingResponse request_trailers_, response_trailers_;
};

// One stream: a request is read, then its answer written, then the next read. It owns itself until OnDone.
class Stream final : public grpc::ServerBidiReactor<ProcessingRequest, ProcessingResponse> {
 public:
  explicit Stream(const Answers& answers) : answers_(answers), arena_(FirstBlock()) { ReadNext(); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    const ProcessingResponse* answer = answers_.To(*request_);
    if (answer == nullptr) {
      Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "a request of no kind that is known here"));
      return;
    }
    StartWrite(answer);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    ReadNext();
  }

  void OnDone() override { delete this; }

 private:
  void ReadNext() {
    arena_.Reset();
    request_ = Arena::CreateMessage<ProcessingRequest>(&arena_);
    StartRead(request_);
  }

  ArenaOptions FirstBlock() {
    ArenaOptions options;
    options.initial_block = block_;
    options.initial_block_size = sizeof block_;
    return options;
  }

  const Answers& answers_;
  alignas(8) char block_[kFirstBlock];
  Arena arena_;
  ProcessingRequest* request_ = nullptr;
};

class Processor final : public ExternalProcessor::CallbackService {
 public:
  grpc::ServerBidiReactor<ProcessingRequest, ProcessingResponse>* Process(grpc::CallbackServerContext*) override {
    return new Stream(answers_);
  }

 private:
  const Answers answers_;
};

int Serve(const std::string& path) {
  sigset_t asked;
  sigemptyset(&asked);
  sigaddset(&asked, SIGTERM);
  sigaddset(&asked, SIGINT);
  // Before there are threads, which inherit it: the signals wait for sigwait below.
  pthread_sigmask(SIG_BLOCK, &asked, nullptr);

  unlink(path.c_str());
  Processor processor;
  grpc::ServerBuilder builder;
  int bound = 0;
  builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials(), &bound);
  builder.RegisterService(&processor);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || bound == 0) {
    std::cerr << "cannot listen on " << path << '\n';
    return 1;
  }

  int signal = 0;
  sigwait(&asked, &signal);
  server->Shutdown(std::chrono::system_clock::now() + kGrace);
  server->Wait();
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: " << arguments[0] << " SOCKET | --version\n";
    return 1;
  }
  const std::string argument = arguments[1];
  if (argument == "--version") {
    std::cout << "gRPC C++ " << grpc::Version() << ", g++ " << __VERSION__ << '\n';
    return 0;
  }
  return Serve(argument);
}
