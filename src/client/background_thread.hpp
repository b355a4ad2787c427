// A thread for work that may block, like asking a secret store: no event loop waits for it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

namespace boost::asio {
class thread_pool;
}

namespace modelmesh::detail {

/// Starts with its first work and does one after the other. Threads: any, but its own for stop().
class background_thread {
public:
    background_thread();
    ~background_thread();
    background_thread(const background_thread&) = delete;
    background_thread& operator=(const background_thread&) = delete;

    /// After stop() nothing is done any more. @param work  throws nothing.
    void run(std::function<void()> work);
    /// Waits for the work that is being done, and drops the rest.
    void stop() noexcept;

private:
    std::mutex mutex_; ///< guards what follows
    bool is_stopped_ = false;
    std::unique_ptr<boost::asio::thread_pool> pool_; ///< of one thread
};

} // namespace modelmesh::detail
