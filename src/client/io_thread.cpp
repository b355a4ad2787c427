#include "client/io_thread.hpp"

namespace modelmesh::detail {

io_thread::io_thread()
    : context_(std::make_shared<boost::asio::io_context>(1)), work_(context_->get_executor()),
      thread_([context = context_, released = released_.get_future()]() mutable {
          context->run();
          released.wait();
          context.reset();
      }) {}

io_thread::~io_thread() {
    // Not stop(): what was posted last takes sockets down, and must run. Nothing else is left, because every
    // call and every stream keeps the client, and so this thread, alive.
    work_.reset();
    // The loop dies on its thread, which may outlive this object: see below.
    context_.reset();
    released_.set_value();
    if (thread_.get_id() == std::this_thread::get_id())
        thread_.detach();
    else
        thread_.join();
}

} // namespace modelmesh::detail
