// Another configuration for a client that goes on: by call, by file and by signal, under load.
#include "fixture.hpp"
#include "support/event_list.hpp"

#include <modelmesh/connector/openai_compatible.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/middleware.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace modelmesh::testing {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using names = std::vector<std::string>;

class Reload : public ClientFixture {
protected:
    client make() {
        connector::registry connectors;
        connector::register_builtin(connectors);
        return create(settings, connectors, &log);
    }
    void remove(const std::string& provider) {
        std::erase_if(settings.providers, [&](const auto& each) { return each.first == provider; });
    }
    // Who answers, or the kind of failure.
    static std::string asked(const client& c, const std::string& model = "chat-completion") {
        chat::request request = question();
        request.model = model;
        const auto reply = run(ask_once(c, request));
        return reply ? reply->x_modelmesh->provider : std::string(to_string(reply.error().kind()));
    }

    // What is said about configurations.
    support::event_list log{
        {.events = "config.", .shows = [](const log_field& each) { return each.value != "0"; }}};
};
INSTANTIATE_TEST_SUITE_P(Engines, Reload, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Reload, TellsWhatChangedByName) {
    start("alpha");
    const client first = make();
    client c = first;
    EXPECT_TRUE(c.reload(settings).empty()) << "nothing changed";
    start("beta");
    settings.pools.emplace_back("talk", pool_config{"chat"});
    settings.budget.daily_limit = 10;
    settings.budget.enforce = false; // what the models cost is not known
    const reload_report grown = c.reload(settings);
    EXPECT_THAT(grown.providers.added, ElementsAre("beta"));
    EXPECT_THAT(grown.models.added, ElementsAre("beta.beta-model"));
    EXPECT_THAT(grown.pools.added, ElementsAre("talk"));
    EXPECT_THAT(grown.settings, ElementsAre("budget"));
    settings.pools[0].second.failure_threshold = 7;
    settings.providers[0].second.api_key = "another-key";
    settings.models.emplace_back("beta.beta-model", model_config()).second.pricing.per_request = 1;
    const reload_report changed = c.reload(settings);
    EXPECT_EQ(changed,
              (reload_report{{{}, {}, {"alpha"}}, {{}, {}, {"talk"}}, {{}, {}, {"beta.beta-model"}}, {}}));
    std::swap(settings.providers[0], settings.providers[1]);
    EXPECT_EQ(c.reload(settings).settings, names{"providers"}) << "the order decides who is asked first";
    EXPECT_EQ(asked(first, "talk"), "alpha") << "for all copies of the client, and where the pool stood";
    remove("alpha");
    const reload_report shrunk = c.reload(settings);
    EXPECT_THAT(shrunk.providers.removed, ElementsAre("alpha"));
    EXPECT_THAT(shrunk.models.removed, ElementsAre("alpha.alpha-model"));
    EXPECT_EQ(asked(c, "alpha.alpha-model"), "not_found");
    EXPECT_THAT(log.lines(),
                ElementsAre("config.reloaded",
                            "config.reloaded providers_added=1 pools_added=1 models_added=1 "
                            "settings_changed=1",
                            "config.reloaded providers_changed=1 pools_changed=1 models_changed=1",
                            "config.reloaded settings_changed=1",
                            "config.reloaded providers_removed=1 models_removed=1"));
}

TEST_P(Reload, AnInvalidConfigurationChangesNothingAndSaysEverythingThatIsWrong) {
    start("alpha");
    client c = make();
    ASSERT_EQ(asked(c), "alpha");
    config wrong = settings;
    wrong.providers[0].second.connector = "no.such.v1";
    wrong.pools.emplace_back("talk", pool_config{"chat"}).second.providers = {"nobody"};
    const result<reload_report> outcome = c.try_reload(wrong);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().kind(), errc::config);
    EXPECT_THAT(outcome.error().message, HasSubstr("no provider connector 'no.such.v1'"));
    EXPECT_THAT(outcome.error().message, HasSubstr("there is no provider 'nobody'"));
    EXPECT_THROW(c.reload(wrong), error);
    EXPECT_EQ(asked(c), "alpha");
    EXPECT_EQ(asked(c, "talk"), "not_found");
    EXPECT_THAT(log.lines(),
                ::testing::Each(::testing::StartsWith("config.rejected reason=provider 'alpha'")));
    EXPECT_TRUE(c.reload(settings).empty()) << "it is still the one before";
}

// Which of a program's connectors throws.
enum class thrower { none, provider, capabilities, policy, sink, middleware };

class odd_provider final : public connector::openai_compatible {
public:
    explicit odd_provider(const thrower* who) : who_(who) {}
    std::vector<std::string> capabilities_of(std::string_view model) const override {
        if (*who_ == thrower::capabilities) throw std::runtime_error("out of order");
        return openai_compatible::capabilities_of(model);
    }

private:
    const thrower* who_;
};

class tagging final : public middleware {
public:
    explicit tagging(std::string tag) : tag_(std::move(tag)) {}
    std::string_view name() const noexcept override { return "tagging"; }
    bool sees_attempts() const noexcept override { return true; }
    result<void> before_attempt(attempt_context& a) override {
        a.headers.add("X-Tag", tag_);
        return {};
    }

private:
    std::string tag_;
};

struct tag_options {
    std::string tag{};
};

TEST_P(Reload, WhateverThrowsEverythingIsAsBefore) {
    const simulator& alpha = start("alpha");
    thrower who = thrower::none;
    const auto unless = [&who](thrower it) {
        if (who == it) throw std::runtime_error("out of order");
    };
    std::mutex seeing;
    names seen; // which sinks
    connector::registry connectors;
    connector::register_builtin(connectors);
    ASSERT_TRUE(connectors.add_provider("odd.llm.v1", [&] {
        unless(thrower::provider);
        return std::make_unique<odd_provider>(&who);
    }));
    ASSERT_TRUE(connectors.add_rotation("odd.policy", [&](const connector::rotation_settings& by) {
        unless(thrower::policy);
        return connectors.make_rotation("round-robin", by).value();
    }));
    ASSERT_TRUE(connectors.add_sink<tag_options>(
        "odd.sink", [&](const tag_options& of, log_sink*) -> result<std::unique_ptr<connector::event_sink>> {
            unless(thrower::sink);
            class noting final : public connector::event_sink {
            public:
                noting(std::string tag, std::mutex& guard, names& into)
                    : tag_(std::move(tag)), guard_(guard), into_(into) {}
                result<void> write(const connector::event& told) override {
                    const std::lock_guard lock(guard_);
                    if (told.name == "request.success") into_.push_back(tag_);
                    return {};
                }

            private:
                std::string tag_;
                std::mutex& guard_;
                names& into_;
            };
            return std::make_unique<noting>(of.tag, seeing, seen);
        }));
    ASSERT_TRUE(connectors.add_middleware<tag_options>(
        "odd.tag", [&](const tag_options& of, log_sink*) -> result<std::shared_ptr<middleware>> {
            unless(thrower::middleware);
            return std::make_shared<tagging>(of.tag);
        }));
    settings.providers[0].second.connector = "odd.llm.v1";
    const auto next = [this](const std::string& tag, double limit) {
        config made = settings;
        made.providers[0].second.api_key = tag + "-key";
        made.providers[0].second.pricing.per_request = 0.25;
        made.pools.emplace_back(tag, pool_config{"chat"}).second.strategy = "odd.policy";
        const json::raw options{"{\"tag\": \"" + tag + "\"}"};
        made.observability.sinks.emplace_back().connector = "odd.sink";
        made.observability.sinks.back().options = options;
        made.middleware.emplace_back().connector = "odd.tag";
        made.middleware.back().options = options;
        made.budget.daily_limit = limit;
        return made;
    };
    // Who was asked with what, and what was told to whom.
    const auto state_of = [&](const client& c) {
        (void)asked(c, "alpha.alpha-model");
        const recorded_request last = alpha.requests().back();
        names told = {last.header("Authorization"), last.header("X-Tag"),
                      std::to_string(c.usage().budgets.at(0).limit_micro_usd), asked(c, "one"),
                      asked(c, "two")};
        return told;
    };
    {
        client c = create(next("one", 10), connectors, &log);
        const names before = {"Bearer one-key", "one", "10000000", "alpha", "not_found"};
        ASSERT_EQ(state_of(c), before);
        for (const thrower each : {thrower::provider, thrower::capabilities, thrower::policy, thrower::sink,
                                   thrower::middleware}) {
            who = each;
            const result<reload_report> outcome = c.try_reload(next("two", 20));
            who = thrower::none;
            ASSERT_FALSE(outcome) << static_cast<int>(each);
            EXPECT_THAT(outcome.error().message, HasSubstr("out of order"));
            EXPECT_EQ(state_of(c), before) << static_cast<int>(each);
        }
        c.reload(next("two", 20));
        EXPECT_EQ(state_of(c), (names{"Bearer two-key", "two", "20000000", "not_found", "alpha"}));
    } // the sinks have everything when the client is gone
    EXPECT_EQ(std::count(seen.begin(), seen.end(), "one"), 12);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), "two"), 2);
}

task<std::string> read_over_a_reload(client c, chat::request request, const config* next) {
    chat::stream stream = co_await c.chat.completions.stream(request);
    std::string text;
    const auto first = co_await stream.next_text();
    if (first) text += *first;
    c.reload(*next);
    while (const auto more = co_await stream.next_text()) text += *more;
    text += "|" + stream.route().provider;
    const result<chat::reply> other = co_await c.chat.completions.try_create(request);
    text += "|" + (other ? other->x_modelmesh->provider : other.error().message);
    co_return text;
}

TEST_P(Reload, CallsUnderWayEndWithTheConfigurationThatTheyBeganWith) {
    start("alpha", R"({"rules":[{"times":"always","text":"one two three four","pace_ms":5}]})");
    const client c = make();
    start("beta");
    remove("alpha");
    EXPECT_EQ(run(read_over_a_reload(c, question(), &settings)), "one two three four|alpha|beta");
}

task<names> ask_around_a_reload(client c, chat::request request, config next, config last, simulator* alpha,
                                simulator* beta) {
    names seen;
    for (const config* each : {&next, &last}) {
        (void)co_await c.chat.completions.try_create(request);
        request.model = "beta.beta-model";
        (void)co_await c.chat.completions.try_create(request);
        request.model = "chat-completion";
        seen.push_back(std::to_string(alpha->connections()) + std::to_string(beta->connections()));
        c.reload(*each);
    }
    (void)co_await c.chat.completions.try_create(request);
    asio::steady_timer pause(co_await asio::this_coro::executor);
    for (int i = 0; i < 1000 && beta->connections() != 0; ++i) { // it has to read that we have closed
        pause.expires_after(std::chrono::milliseconds(5));
        co_await pause.async_wait(asio::use_awaitable);
    }
    seen.push_back(std::to_string(alpha->connections()) + std::to_string(beta->connections()));
    co_return seen;
}

TEST_P(Reload, ConnectionsToProvidersThatAreTheSameAreKeptAndThoseToOthersClosed) {
    simulator& alpha = start("alpha");
    simulator& beta = start("beta");
    const client c = make();
    settings.providers[0].second.api_key = "another-key"; // of the same server
    const config next = settings;
    remove("beta");
    EXPECT_THAT(run(ask_around_a_reload(c, question(), next, settings, &alpha, &beta)),
                ElementsAre("11", "11", "10"));
}

// It is the same server with the same key, whatever is known of it holds.
TEST_P(Reload, OtherConnectionsToAServerChangeNothingThatIsKnownOfIt) {
    start("alpha", R"({"rules":[{"times":1,"status":500},{"times":"always","text":"back"}]})");
    start("beta");
    pool_config& pool = settings.pools.emplace_back("chat-completion", pool_config{"chat"}).second;
    pool.failure_threshold = 1;
    pool.strategy = "priority-selection";
    pool.model_priority = {"alpha.alpha-model", "beta.beta-model"};
    client c = make();
    ASSERT_EQ(asked(c), "beta");
    provider_config& provider = settings.providers[0].second;
    provider.connection_pool.idle_timeout = std::chrono::milliseconds(0);
    c.reload(settings);
    provider.connection_pool.max_connections = 1;
    provider.http = http_version::http1;
    c.reload(settings);
    EXPECT_EQ(asked(c), "beta") << "it is in standby as before";
    EXPECT_EQ(c.pool_status("chat-completion").standby, 1u);
    c.reactivate("chat-completion", "alpha.alpha-model");
    EXPECT_EQ(asked(c), "alpha");
}

TEST_P(Reload, ListsOfModelsAreKeptAndNewProvidersAreAskedForTheirs) {
    simulator& alpha = start("alpha");
    settings.providers[0].second.models.clear();
    client c = make();
    ASSERT_EQ(asked(c, "alpha.alpha-model"), "alpha");
    simulator& beta = start("beta");
    settings.providers[1].second.models.clear();
    settings.pools.emplace_back("talk", pool_config{"chat"});
    EXPECT_THAT(c.reload(settings).models.added, IsEmpty()) << "nobody has asked yet";
    for (int i = 0; i < 1000 && asked(c, "beta.beta-model") != "beta"; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(asked(c, "beta.beta-model"), "beta");
    const auto lists = [](const simulator& at) {
        int count = 0;
        for (const recorded_request& each : at.requests()) count += each.target == "/v1/models" ? 1 : 0;
        return count;
    };
    EXPECT_EQ(lists(alpha), 1);
    EXPECT_EQ(lists(beta), 1);
}

TEST_P(Reload, UsageAndBudgetsGoOn) {
    start("alpha");
    settings.providers[0].second.pricing.per_request = 0.25;
    settings.budget.daily_limit = 0.5;
    client c = make();
    EXPECT_EQ(asked(c), "alpha");
    EXPECT_EQ(asked(c), "alpha");
    EXPECT_EQ(asked(c), "budget");
    settings.budget.daily_limit = 2;
    settings.providers[0].second.pricing.per_request = 1;
    c.reload(settings);
    EXPECT_EQ(asked(c), "alpha");
    EXPECT_EQ(asked(c), "budget") << "1.50 of 2 are spent";
    EXPECT_EQ(c.usage().all.today.cost_micro_usd, 1500000);
    EXPECT_EQ(c.usage().budgets.at(0).spent_micro_usd, 1500000);
}

// Files

// What a watch reports, in the order in which it does.
class outcomes {
public:
    watch_options options() {
        watch_options made;
        made.settle = std::chrono::milliseconds(20);
        made.on_outcome = [this](const result<reload_report>& outcome) {
            const std::lock_guard lock(mutex_);
            seen_.push_back(outcome);
            changed_.notify_all();
        };
        return made;
    }
    // The next one; waits for it.
    result<reload_report> next() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, std::chrono::seconds(30), [this] { return !seen_.empty(); }))
            return fault(errc::timed_out, "no reload");
        result<reload_report> first = std::move(seen_.front());
        seen_.pop_front();
        return first;
    }
    // The next one of a file that is written in place, which may have been read half-written.
    result<reload_report> next_whole() {
        result<reload_report> outcome = next();
        while (!outcome && outcome.error().kind() == errc::config) outcome = next();
        return outcome;
    }
    bool is_empty() const {
        const std::lock_guard lock(mutex_);
        return seen_.empty();
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<result<reload_report>> seen_;
};

class Watch : public Reload {
protected:
    void SetUp() override {
        Reload::SetUp();
        directory = fs::path(::testing::TempDir()) /
                    ("modelmesh-watch-" + std::to_string(getpid()) + "-" + GetParam());
        fs::create_directories(directory);
    }
    void TearDown() override {
        fs::remove_all(directory);
        Reload::TearDown();
    }

    // A configuration file with these of the providers that were started.
    std::string text(const names& providers, int failure_threshold = 3) const {
        std::string made = "providers:\n";
        for (const auto& [name, provider] : settings.providers)
            if (std::find(providers.begin(), providers.end(), name) != providers.end())
                made += "  " + name + ": {connector: openai.llm.v1, base_url: \"" + provider.base_url +
                        "\", models: [" + provider.models.front() + "]}\n";
        return made + "pools:\n  chat-completion: {capability: chat, failure_threshold: " +
               std::to_string(failure_threshold) + "}\n";
    }
    static void write(const fs::path& path, const std::string& content) { std::ofstream(path) << content; }
    // As editors do.
    static void replace(const fs::path& path, const std::string& content) {
        const fs::path beside = path.string() + ".new";
        write(beside, content);
        fs::rename(beside, path);
    }

    fs::path directory;
    outcomes seen;
};
INSTANTIATE_TEST_SUITE_P(Engines, Watch, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Watch, AFileThatIsRenamedOverOrWrittenInPlaceIsReloaded) {
    start("alpha");
    start("beta");
    const std::string file = directory / "mesh.yaml";
    write(file, text({"alpha"}));
    client c = create_from_file(file);
    const config_watch watch = c.watch({file}, seen.options());
    ASSERT_EQ(asked(c), "alpha");
    replace(file, text({"beta"}));
    const auto renamed = seen.next();
    ASSERT_TRUE(renamed) << renamed.error().message;
    EXPECT_THAT(renamed->providers.added, ElementsAre("beta"));
    EXPECT_EQ(asked(c), "beta");
    write(file, text({"alpha"}));
    const auto written = seen.next_whole();
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(asked(c), "alpha");
    replace(file, text({"beta"}));
    ASSERT_TRUE(seen.next_whole()) << "the file is another one than at first";
    EXPECT_EQ(asked(c), "beta");
}

TEST_P(Watch, RelativePathsAreThoseOfItsBeginningAlsoWithoutADirectoryOfTheProgram) {
    start("alpha");
    start("beta");
    const std::string file = directory / "mesh.yaml";
    write(file, text({"alpha"}));
    const struct there_and_back {
        explicit there_and_back(const fs::path& there) { fs::current_path(there); }
        ~there_and_back() { fs::current_path(back); }
        const fs::path back = fs::current_path();
    } here(directory);
    client c = create_from_file("mesh.yaml");
    const config_watch watch = c.watch({"mesh.yaml"}, seen.options());
    fs::create_directory(directory / "gone");
    fs::current_path(directory / "gone");
    fs::remove(directory / "gone");
    replace(file, text({"beta"}));
    const auto outcome = seen.next();
    EXPECT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(asked(c), "beta");
    EXPECT_THROW((void)c.watch({"mesh.yaml"}), error) << "nobody knows which one";
}

TEST_P(Watch, WhatOnOutcomeThrowsGoesToTheLogAndTheWatchGoesOn) {
    start("alpha");
    start("beta");
    const std::string file = directory / "mesh.yaml";
    write(file, text({"alpha"}));
    connector::registry connectors;
    connector::register_builtin(connectors);
    client c = create_from_file(file, connectors, &log);
    watch_options options = seen.options();
    options.on_outcome = [tell =
                              std::move(options.on_outcome)](const result<reload_report>& outcome) mutable {
        tell(outcome);
        throw std::runtime_error("oops");
    };
    const config_watch watch = c.watch({file}, std::move(options));
    replace(file, text({"beta"}));
    ASSERT_TRUE(seen.next());
    EXPECT_EQ(asked(c), "beta");
    replace(file, text({"alpha"}));
    ASSERT_TRUE(seen.next());
    EXPECT_EQ(asked(c), "alpha");
    EXPECT_THAT(log.lines(), ::testing::Contains("config.watch_failed path=" + file + " message=oops"));
}

TEST_P(Watch, ASymbolicLinkThatIsMovedAsByKubernetesIsReloaded) {
    start("alpha");
    start("beta");
    fs::create_directory(directory / "..1");
    fs::create_directory(directory / "..2");
    write(directory / "..1" / "mesh.yaml", text({"alpha"}));
    write(directory / "..2" / "mesh.yaml", text({"beta"}));
    fs::create_symlink("..1", directory / "..data");
    fs::create_symlink("..data/mesh.yaml", directory / "mesh.yaml");
    client c = create_from_file(directory / "mesh.yaml");
    const config_watch watch = c.watch({directory / "mesh.yaml"}, seen.options());
    ASSERT_EQ(asked(c), "alpha");
    fs::create_symlink("..2", directory / "..data_tmp");
    fs::rename(directory / "..data_tmp", directory / "..data");
    fs::remove_all(directory / "..1");
    ASSERT_TRUE(seen.next());
    EXPECT_EQ(asked(c), "beta");
}

TEST_P(Watch, ALinkToAFileElsewhereIsFollowed) {
    start("alpha");
    start("beta");
    fs::create_directories(directory / "etc");
    fs::create_directories(directory / "srv" / "one");
    fs::create_directories(directory / "srv" / "two");
    write(directory / "srv" / "one" / "mesh.yaml", text({"alpha"}));
    write(directory / "srv" / "two" / "mesh.yaml", text({"beta"}));
    fs::create_directory_symlink("one", directory / "srv" / "current");
    fs::create_symlink(directory / "srv" / "current" / "mesh.yaml", directory / "etc" / "mesh.yaml");
    client c = create_from_file(directory / "etc" / "mesh.yaml");
    const config_watch watch = c.watch({directory / "etc" / "mesh.yaml"}, seen.options());
    replace(directory / "srv" / "one" / "mesh.yaml", text({"alpha", "beta"}));
    ASSERT_TRUE(seen.next());
    fs::create_directory_symlink("two", directory / "srv" / "next");
    fs::rename(directory / "srv" / "next", directory / "srv" / "current");
    const auto moved = seen.next();
    ASSERT_TRUE(moved);
    EXPECT_THAT(moved->providers.removed, ElementsAre("alpha"));
}

TEST_P(Watch, AFileThatIsNotValidChangesNothingAndIsTriedAgain) {
    start("alpha");
    start("beta");
    const std::string file = directory / "mesh.yaml";
    write(file, text({"alpha"}));
    connector::registry connectors;
    connector::register_builtin(connectors);
    client c = create_from_file(file, connectors, &log);
    const config_watch watch = c.watch({file}, seen.options());
    replace(file, "providers: {alpha: {connector: 1, nonsense: 2}}\npools: [");
    const auto broken = seen.next();
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().kind(), errc::config);
    EXPECT_EQ(asked(c), "alpha");
    fs::remove(file);
    const auto gone = seen.next();
    ASSERT_FALSE(gone);
    EXPECT_THAT(gone.error().message, HasSubstr("cannot be read"));
    EXPECT_EQ(asked(c), "alpha");
    write(file, text({"beta"}));
    ASSERT_TRUE(seen.next_whole());
    EXPECT_EQ(asked(c), "beta");
    EXPECT_THAT(log.lines(), ::testing::Contains(::testing::StartsWith("config.rejected reason=")));
    EXPECT_THAT(log.lines(), ::testing::Contains(::testing::StartsWith("config.reloaded ")));
}

TEST_P(Watch, SighupReloadsWhenItIsAskedForThoughNoFileHasChanged) {
    start("alpha");
    const std::string file = directory / "mesh.yaml";
    write(file, text({"alpha"}));
    client c = create_from_file(file);
    watch_options options = seen.options();
    options.on_sighup = true;
    const config_watch watch = c.watch({file}, std::move(options));
    std::raise(SIGHUP);
    const auto outcome = seen.next();
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_TRUE(outcome->empty());
}

TEST_P(Watch, NothingIsReloadedAfterItsEnd) {
    start("alpha");
    start("beta");
    const std::string file = directory / "mesh.yaml";
    write(file, text({"alpha"}));
    client c = create_from_file(file);
    std::optional<config_watch> watch = c.watch({file}, seen.options());
    outcomes others;
    const config_watch other = c.watch({file}, others.options());
    watch.reset();
    replace(file, text({"beta"}));
    ASSERT_TRUE(others.next()) << "by then the first would have seen it, too";
    EXPECT_TRUE(seen.is_empty());
}

TEST_P(Watch, MayOutliveItsClientAndBeDestroyedByItsOwnOutcome) {
    start("alpha");
    const std::string file = directory / "mesh.yaml";
    write(file, text({"alpha"}));
    std::optional<client> c = create_from_file(file);
    const config_watch outlives = c->watch({file}, seen.options());
    std::optional<config_watch> suicidal;
    outcomes& told = seen;
    watch_options options;
    options.settle = std::chrono::milliseconds(1);
    std::atomic<int> calls{0};
    options.on_outcome = [&](const result<reload_report>&) {
        ++calls;
        suicidal.reset();
    };
    suicidal = c->watch({file}, std::move(options));
    replace(file, text({"alpha"}, 4));
    ASSERT_TRUE(told.next());
    replace(file, text({"alpha"}, 5));
    ASSERT_TRUE(told.next());
    EXPECT_EQ(calls, 1);
    c.reset();
}

TEST_P(Watch, ADirectoryThatIsNotThereIsRefused) {
    start("alpha");
    client c = make();
    try {
        const config_watch watch = c.watch({directory / "nowhere" / "mesh.yaml"});
        ADD_FAILURE() << "it is watched";
    } catch (const error& refused) {
        EXPECT_EQ(refused.code(), errc::config);
        EXPECT_THAT(refused.info().message, HasSubstr("nowhere/mesh.yaml"));
    }
    EXPECT_THROW((void)c.watch({}), std::invalid_argument);
}

// Under load

constexpr bool is_sanitized =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    true;
#else
    false;
#endif
#else
    false;
#endif

double resident_megabytes() {
    std::ifstream statm("/proc/self/statm");
    double all = 0;
    double resident = 0;
    statm >> all >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

struct load_counts {
    std::atomic<int> good{0};
    std::atomic<int> failed{0};
    std::atomic<bool> is_over{false};
};
task<void> ask_on(client c, chat::request request, load_counts* counts) {
    while (!counts->is_over) {
        const result<chat::reply> reply = co_await c.chat.completions.try_create(request);
        ++(reply ? counts->good : counts->failed);
        if (!reply) ADD_FAILURE() << reply.error().message;
        const result<std::string> text = co_await stream_text(c, request);
        ++(text ? counts->good : counts->failed);
        if (!text) ADD_FAILURE() << text.error().message;
    }
}

TEST_P(Reload, FiveHundredTimesUnderLoadNothingFailsIsLostOrGrows) {
    const std::string always = R"({"rules":[{"times":"always","text":"one two"}]})";
    for (const char* name : {"alpha", "beta", "gamma"}) start(name, always);
    for (auto& [name, provider] : settings.providers) provider.pricing.per_request = 0.001;
    settings.budget.daily_limit = 100000;
    settings.pools.emplace_back("chat-completion", pool_config{"chat"}).second.strategy = "round-robin";
    client c = make();
    load_counts counts;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&] {
            asio::io_context loop{1};
            for (int i = 0; i < 2; ++i) asio::co_spawn(loop, ask_on(c, question(), &counts), asio::detached);
            loop.run();
        });
    double warm = 0;
    for (int i = 0; i < 500; ++i) {
        config next = settings;
        if (i % 3 != 0) next.providers.erase(next.providers.begin() + i % 3);
        next.pools[0].second.failure_threshold = 3 + static_cast<unsigned>(i % 2);
        next.pools[0].second.strategy = i % 5 == 0 ? "weighted" : "round-robin";
        next.providers[0].second.api_key = "key-" + std::to_string(i % 4);
        c.reload(next);
        // Some calls between two of them, whatever the machine does meanwhile.
        const int enough = counts.good + counts.failed + 4;
        while (counts.good + counts.failed < enough) std::this_thread::yield();
        if (i == 150) warm = resident_megabytes();
    }
    const double hot = resident_megabytes();
    counts.is_over = true;
    threads.clear();
    EXPECT_EQ(counts.failed, 0);
    EXPECT_GE(counts.good, 2000);
    const usage_report used = c.usage();
    EXPECT_EQ(used.all.total.requests, counts.good);
    EXPECT_EQ(used.all.total.failures, 0);
    EXPECT_EQ(used.all.total.cost_micro_usd, 1000 * std::int64_t{counts.good});
    ASSERT_EQ(used.budgets.size(), 1u);
    EXPECT_EQ(used.budgets[0].spent_micro_usd, used.all.total.cost_micro_usd);
    EXPECT_EQ(used.budgets[0].reserved_micro_usd, 0);
    if (!is_sanitized) {
        EXPECT_LT(hot, 1.3 * warm + 4) << "resident megabytes after 150 reloads: " << warm;
    }
}

} // namespace
} // namespace modelmesh::testing
