#include <modelmesh/connector/with_timeout.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <exception>

namespace modelmesh::connector::detail {
namespace {

namespace asio = boost::asio;

bool is_cancellation(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
        return e.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

} // namespace

task<ending> run_within(task<void> work, duration limit) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor);
    if (limit > duration::zero())
        timer.expires_after(limit);
    else
        timer.expires_at(time_point::max());
    auto race = asio::experimental::make_parallel_group(
        asio::co_spawn(executor, std::move(work), asio::deferred), timer.async_wait(asio::deferred));
    auto done = co_await race.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    auto& [order, failure, expired] = done;
    if (failure && !is_cancellation(failure)) std::rethrow_exception(failure);
    if (order[0] == 1) co_return expired ? ending::canceled : ending::late;
    co_return failure ? ending::canceled : ending::in_time;
}

fault not_in_time(ending how, duration limit, const std::string& operation) {
    if (how != ending::late) return fault(errc::canceled, operation + ": canceled");
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(limit);
    return fault(errc::timed_out, operation + ": no end within " + std::to_string(wait.count()) + " ms");
}

} // namespace modelmesh::connector::detail
