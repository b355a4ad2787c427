// A thread of the library with an event loop of its own, for callers whose executor cannot run the engine.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <future>
#include <memory>
#include <thread>

namespace modelmesh::detail {

class io_thread {
public:
    io_thread();
    /// Lets the loop run out and joins; when the last owner dies on this very thread, lets it end by itself.
    ~io_thread();
    io_thread(const io_thread&) = delete;
    io_thread& operator=(const io_thread&) = delete;

    [[nodiscard]] boost::asio::io_context& context() noexcept { return *context_; }

private:
    std::shared_ptr<boost::asio::io_context> context_; ///< shared with the thread, which drops it last
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::promise<void> released_; ///< set when this object no longer touches the loop
    std::thread thread_;
};

} // namespace modelmesh::detail
