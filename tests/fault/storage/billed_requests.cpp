// Makes billed requests with a storage, and writes a line for whatever the caller may rely on from then on.
//
//     billed_requests <path> <requests> <leases|immediate>
//
// Output: `start <ledger> <usage> <requests> <standby>`, what was restored: micro-dollars of the month's budget and of
// the usage, requests counted, and whether the model that fails is out of service; `told <cost>` for each reply;
// `saving` and `saved` around each write.
#include "persistence/keeper.hpp"
#include "router/catalogue.hpp"
#include "router/router.hpp"
#include "storage/sqlite.hpp"

#include <modelmesh/connector/openai_compatible.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/router/capability.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <unistd.h>

namespace modelmesh {
namespace {

namespace asio = boost::asio;

// At once and whole: what was said before the program is killed has been said.
void say(const std::string& line) {
    if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
}

class told_storage final : public connector::storage {
public:
    explicit told_storage(std::unique_ptr<connector::storage> in) : in_(std::move(in)) {}
    result<std::optional<std::string>> load(std::string_view key) override { return in_->load(key); }
    result<void> save(std::span<const connector::storage_entry> entries,
                      const connector::lock_handle* under) override {
        say("saving\n");
        result<void> saved = in_->save(entries, under);
        say("saved\n");
        return saved;
    }
    result<std::vector<std::string>> list(std::string_view prefix) override { return in_->list(prefix); }
    result<bool> remove(std::string_view key) override { return in_->remove(key); }
    result<std::optional<connector::storage_stat>> stat(std::string_view key) override {
        return in_->stat(key);
    }
    result<connector::lock_handle> acquire(std::string_view key) override { return in_->acquire(key); }
    result<void> release(const connector::lock_handle& held) override { return in_->release(held); }

private:
    std::unique_ptr<connector::storage> in_;
};

// The provider alpha answers for 137 tokens, and beta is out of order.
class invented_providers final : public router::transport {
public:
    task<result<http::response>> exchange(std::shared_ptr<const router::endpoint>,
                                          std::shared_ptr<const http::request> request,
                                          router::patience) override {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
        http::response answer;
        answer.status = request->headers.get("Authorization") == "Bearer key-of-beta" ? 500 : 200;
        answer.body = R"({"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,"message":)"
                      R"({"role":"assistant","content":"hi"},"finish_reason":"stop"}],)"
                      R"("usage":{"prompt_tokens":100,"completion_tokens":37,"total_tokens":137}})";
        co_return answer;
    }
    task<result<router::opened>> open(std::shared_ptr<const router::endpoint>,
                                      std::shared_ptr<const http::request>, router::patience) override {
        co_return fault(errc::internal, "no streams here");
    }
    task<result<void>> sleep_until(time_point) override { co_return result<void>(); }
    const clock& time() const noexcept override { return clock::system(); }
    rng& random() noexcept override { return random_; }
    std::string_view engine_name() const noexcept override { return "none"; }

private:
    xoshiro256 random_{1};
};

router::provider_plan provider(const std::string& name) {
    router::provider_plan plan;
    plan.entry.id = name;
    plan.entry.base_path = "/v1";
    plan.entry.api_key = "key-of-" + name;
    plan.entry.codec = std::make_shared<connector::openai_compatible>();
    plan.entry.where = std::make_shared<router::endpoint>();
    plan.models = {"m"};
    return plan;
}

budget::plan budgets() {
    budget::plan plan;
    plan.global.monthly = 5'000'000; // a lease is a hundredth of it at most
    for (const char* name : {"alpha", "beta"}) {
        plan.providers[name].pricing.input = 1'000'000; // a micro-dollar for a token
        plan.providers[name].pricing.output = 1'000'000;
    }
    return plan;
}

task<void> ask(std::shared_ptr<router::catalogue> models, router::transport* via, int* left) {
    while (*left > 0) {
        --*left;
        router::call made;
        made.picture = models->current();
        made.pool = made.picture->resolve("chat").value();
        made.request = prepared_request::parse(operation::chat_completion,
                                               R"({"model":"chat","messages":[],"max_tokens":50})", false)
                           .value();
        made.deadline = via->time().now() + std::chrono::minutes(5);
        router::reply_reader read = [](std::string&&) { return result<void>(); };
        const result<route> served =
            co_await router::complete(*via, nullptr, std::move(made), std::move(read));
        if (!served) {
            std::fprintf(stderr, "%s\n", served.error().message.c_str());
            std::exit(1);
        }
        say("told " + std::to_string(served->cost_micro_usd.value()) + "\n");
    }
}

int make_requests(int count, char** arguments) {
    if (count != 4) return 2;
    connector::sqlite_options file;
    file.path = arguments[1];
    int left = std::atoi(arguments[2]);
    persistence::schedule when;
    when.after_every_change = std::string_view(arguments[3]) == "immediate";

    auto opened = connector::sqlite_storage::make(file, nullptr);
    if (!opened) {
        std::fprintf(stderr, "%s\n", opened.error().message.c_str());
        return 1;
    }
    auto keeper = persistence::keeper::open(std::make_shared<told_storage>(std::move(*opened)), when,
                                            clock::system(), nullptr)
                      .value();
    auto ledger = std::make_shared<budget::book>(budgets());
    keeper->restore(*ledger);

    connector::registry connectors;
    connector::register_builtin(connectors);
    router::pool_plan chat{"chat", capability::canonical("chat").value(), {}, {3, std::chrono::minutes(10)}};
    chat.rotation.strategy = "round-robin";
    chat.rotation.policy = connectors.make_rotation("round-robin", {}).value();
    auto models = std::make_shared<router::catalogue>(
        router::mesh_plan{{provider("alpha"), provider("beta")}, {std::move(chat)}}, nullptr, ledger, keeper);

    const usage_report known = ledger->report(clock::system().wall());
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock::system().now().time_since_epoch());
    const bool is_out = !models->current()->pools.front()->state->health.at(1)->available(now);
    say("start " + std::to_string(known.budgets.at(0).spent_micro_usd) + " " +
        std::to_string(known.all.month.cost_micro_usd) + " " + std::to_string(known.all.total.requests) +
        " " + (is_out ? "1" : "0") + "\n");
    keeper->start(ledger, [models] { return models->current(); });

    asio::io_context loop{1};
    invented_providers via;
    for (int i = 0; i < 4; ++i)
        asio::co_spawn(loop, ask(models, &via, &left), [](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
        });
    loop.run();
    keeper->stop();
    return 0;
}

} // namespace
} // namespace modelmesh

int main(int count, char** arguments) { return modelmesh::make_requests(count, arguments); }
