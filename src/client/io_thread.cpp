#include "client/io_thread.hpp"

namespace modelmesh::detail {

io_thread::io_thread()
    : context_(std::make_shared<boost::asio::io_context>(1)), work_(context_->get_executor()),
      thread_([context = context_] { context->run(); }) {}

io_thread::~io_thread() {
    context_->stop();
    if (thread_.get_id() == std::this_thread::get_id())
        thread_.detach();
    else
        thread_.join();
}

} // namespace modelmesh::detail
