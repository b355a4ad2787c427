#include "client/background_thread.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <utility>

namespace modelmesh::detail {

background_thread::background_thread() = default;
background_thread::~background_thread() { stop(); }

void background_thread::run(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    if (!pool_) pool_ = std::make_unique<boost::asio::thread_pool>(1);
    boost::asio::post(*pool_, std::move(work));
}

void background_thread::stop() noexcept {
    std::unique_ptr<boost::asio::thread_pool> pool;
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
        pool = std::move(pool_);
    }
    if (!pool) return;
    pool->stop();
    pool->join();
}

} // namespace modelmesh::detail
