// What every copy of a client shares: the providers, the current snapshot, and the I/O thread.
#pragma once

#include "client/bridge.hpp"
#include "client/event_outlet.hpp"
#include "client/io_thread.hpp"
#include "client/key_readings.hpp"
#include "client/net_transport.hpp"
#include "client/surroundings.hpp"
#include "core/published.hpp"
#include "middleware/onion.hpp"
#include "persistence/keeper.hpp"
#include "router/catalogue.hpp"
#include "router/router.hpp"
#include "router/snapshot.hpp"

#include <modelmesh/api/call_options.hpp>
#include <modelmesh/client.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/core/function.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/core/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/this_coro.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace modelmesh::detail {

/// The event loop behind an executor when the engine may run on it: an io_context that promised one thread.
[[nodiscard]] boost::asio::io_context* single_threaded_loop(const boost::asio::any_io_executor& executor);

/// Where a call runs.
class call_site {
public:
    call_site(net_transport& on, boost::asio::io_context* other_loop) noexcept
        : via(on), elsewhere(other_loop) {}
    net_transport& via;
    boost::asio::io_context* elsewhere; ///< the library's own loop; null: the caller's
};

class client_impl : public std::enable_shared_from_this<client_impl> {
public:
    /// @throws error  config: every problem found.
    client_impl(const config& from, const connector::registry& connectors, client_options options);
    ~client_impl();
    client_impl(const client_impl&) = delete;
    client_impl& operator=(const client_impl&) = delete;

    [[nodiscard]] static client handle(std::shared_ptr<client_impl> impl);

    /// What requests are routed on now; after ensure_ready, with the models of every provider that answered.
    [[nodiscard]] std::shared_ptr<const router::snapshot> current() const { return catalogue_->current(); }
    [[nodiscard]] log_sink* log() noexcept { return &log_; }
    [[nodiscard]] std::shared_ptr<router::credentials> keys() const noexcept { return catalogue_; }
    /// The middlewares as they are now. A call takes them once: they may be others the next time.
    [[nodiscard]] std::shared_ptr<const onion> layers() const { return layers_.load(); }

    /// Asks the providers that were configured without models; see catalogue::ready. Those that failed are
    /// asked again later, on the library's own loop, so that no call waits for them. Completes with what the call is
    /// to be routed on.
    static task<result<std::shared_ptr<const router::snapshot>>> ensure_ready(
        std::shared_ptr<client_impl> self, net_transport& via, time_point deadline = time_point::max());

    /// The library's own loop, started on first use.
    [[nodiscard]] boost::asio::io_context& own_loop();

    /// Runs `work` where the engine can run: on the awaiting coroutine's loop, or else on the library's own.
    /// Completes on the awaiting coroutine's executor.
    template <class T>
    static task<T> on_loop(std::shared_ptr<client_impl> self, function<task<T>(call_site)> work) {
        const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
        if (boost::asio::io_context* loop = single_threaded_loop(executor))
            co_return co_await with_transport(loop, std::move(work), false);
        boost::asio::io_context* loop = &self->own_loop();
        function<task<T>()> there = [loop, work = std::move(work)]() mutable {
            return with_transport(loop, std::move(work), true);
        };
        co_return co_await run_bridged(std::move(self), *loop, std::move(there));
    }

    /// Errors: config, and nothing has changed.
    [[nodiscard]] result<reload_report> reload(const config& next);
    [[nodiscard]] result<reload_report> reload_from_files(const std::vector<std::string>& paths);
    [[nodiscard]] static config_watch watch(const std::shared_ptr<client_impl>& self,
                                            std::vector<std::string> paths, watch_options options);

    [[nodiscard]] const budget::book& ledger() const noexcept { return *ledger_; }
    /// Null: nothing is kept.
    [[nodiscard]] const std::shared_ptr<persistence::keeper>& keeper() const noexcept { return keeper_; }

private:
    template <class T>
    static task<T> with_transport(boost::asio::io_context* loop, function<task<T>(call_site)> work,
                                  bool is_bridged) {
        const result<net_transport*> via = net_transport::of(*loop);
        if (!via) co_return via.error();
        co_return co_await work(call_site(**via, is_bridged ? loop : nullptr));
    }

    /// What a configuration comes to.
    struct parts {
        router::mesh_plan mesh;
        budget::plan money;
        surroundings around;
        std::string text; ///< text_of() it
    };
    /// @param before  of the configuration that is left. @throws error  config: every problem found.
    [[nodiscard]] parts parts_of(const config& from, const surroundings& before);
    /// Puts them around the calls that begin from now on. When it throws, nothing has changed.
    void surround(surroundings next);

    struct refresher;
    void refresh_in_background();

    const connector::registry connectors_;
    event_outlet log_;
    const std::vector<std::shared_ptr<middleware>> given_; ///< the program's, outside of the configuration's
    core::published<onion> layers_;
    std::shared_ptr<budget::book> ledger_;
    std::shared_ptr<persistence::keeper> keeper_; ///< stopped by the destructor
    std::shared_ptr<router::catalogue> catalogue_;
    std::shared_ptr<refresher> refresher_;
    const std::shared_ptr<key_readings> keys_ =
        std::make_shared<key_readings>(log_); ///< closed by the destructor

    std::mutex reloading_; ///< taken before mutex_; guards what follows
    std::string settings_; ///< text_of() what the catalogue has
    surroundings around_;  ///< of the same

    std::mutex mutex_; ///< guards what follows
    std::unique_ptr<io_thread> thread_;
    std::vector<std::weak_ptr<file_watch>> watches_;
};

} // namespace modelmesh::detail
