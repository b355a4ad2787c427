// Kills a program in the middle of its billed requests, and looks at what it still knows of them when it runs again.
#include "support/scratch_folder.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr std::int64_t cost = 137;             // of a request
constexpr std::int64_t longest_lease = 50'000; // a hundredth of the limit
constexpr std::int64_t at_a_time = 4;          // requests

/// One run of the program, whose output is read line by line.
class program {
public:
    program(const std::string& path, int requests, const char* policy) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
        const std::string number = std::to_string(requests);
        process_ = ::fork();
        if (process_ == 0) {
            ::dup2(ends[1], STDOUT_FILENO);
            ::execl(BILLED_REQUESTS, BILLED_REQUESTS, path.c_str(), number.c_str(), policy, nullptr);
            ::_exit(127);
        }
        ::close(ends[1]);
        output_ = ends[0];
    }
    ~program() {
        if (process_ > 0) kill();
        ::close(output_);
    }
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    /// Nothing: it has ended.
    std::optional<std::string> line() {
        for (;;) {
            if (const std::size_t end = text_.find('\n'); end != text_.npos) {
                std::string taken = text_.substr(0, end);
                text_.erase(0, end + 1);
                return taken;
            }
            std::array<char, 4096> piece{};
            const ssize_t size = ::read(output_, piece.data(), piece.size());
            if (size < 0 && errno == EINTR) continue;
            if (size <= 0) return std::nullopt;
            text_.append(piece.data(), static_cast<std::size_t>(size));
        }
    }
    void kill() {
        ::kill(process_, SIGKILL);
        (void)wait();
    }
    /// Its exit status.
    int wait() {
        int status = 0;
        ::waitpid(process_, &status, 0);
        process_ = -1;
        return status;
    }

private:
    pid_t process_;
    int output_;
    std::string text_;
};

/// What a run began with, and what it told after that.
struct account {
    std::int64_t ledger = 0;
    std::int64_t usage = 0;
    std::int64_t requests = 0;
    bool is_out = false;
    std::int64_t told = 0;
    std::int64_t replies = 0;
    int writes = 0;
    bool has_saved_health = false; ///< the model that fails has done so three times before a write

    void take(const std::string& line) {
        std::istringstream words(line);
        std::string what;
        words >> what;
        if (what == "start") {
            words >> ledger >> usage >> requests >> is_out;
        } else if (what == "told") {
            std::int64_t paid = 0;
            words >> paid;
            EXPECT_EQ(paid, cost);
            told += paid;
            ++replies;
        } else if (what == "saving") {
            before_write_ = replies;
        } else if (what == "saved") {
            ++writes;
            has_saved_health = has_saved_health || before_write_ >= 10;
        }
    }

private:
    std::int64_t before_write_ = 0;
};

class KillTest : public testing::TestWithParam<const char*> {
protected:
    /// Runs until `enough` says so of a line, then kills it.
    template <class Enough> account run_and_kill(int requests, Enough enough) {
        program made(path, requests, GetParam());
        account seen;
        while (const std::optional<std::string> line = made.line()) {
            seen.take(*line);
            if (!enough(seen, *line)) continue;
            made.kill();
            break;
        }
        // What it said before it died, it has told.
        while (const std::optional<std::string> line = made.line()) seen.take(*line);
        return seen;
    }
    account run_to_end(int requests) {
        program made(path, requests, GetParam());
        account seen;
        while (const std::optional<std::string> line = made.line()) seen.take(*line);
        EXPECT_EQ(made.wait(), 0);
        return seen;
    }

    [[nodiscard]] std::int64_t lease() const {
        return std::string_view(GetParam()) == "immediate" ? 0 : longest_lease;
    }
    /// What the next run knows of this one.
    void expect_kept(const account& before, const account& after) {
        for (const auto& [then, now] :
             {std::pair(before.ledger, after.ledger), std::pair(before.usage, after.usage)}) {
            EXPECT_GE(now, then + before.told) << "never below what was told";
            // Calls may have been settled that it had no time to tell.
            EXPECT_LE(now, then + before.told + lease() + at_a_time * cost) << "a lease above it at most";
        }
        EXPECT_EQ(after.ledger, after.usage);
        // Tallies are not written ahead: those since the last write are lost, which are at most a lease's worth.
        const std::int64_t lost = before.requests + before.replies - after.requests;
        EXPECT_LE(lost, lease() / cost + at_a_time);
        const bool is_kept = before.has_saved_health || before.is_out;
        EXPECT_TRUE(!is_kept || after.is_out) << "the model that fails is still out of service";
    }

    support::scratch_folder folder;
    std::string path = folder.file("mesh.db");
};
INSTANTIATE_TEST_SUITE_P(Policies, KillTest, testing::Values("leases", "immediate"),
                         [](const auto& each) { return std::string(each.param); });

TEST_P(KillTest, TheLedgerIsNeverBelowWhatWasToldAndALeaseAboveItAtMost) {
    std::mt19937 random(20261122);
    const int all = std::string_view(GetParam()) == "immediate" ? 2'000 : 10'000;
    int left = all;
    std::optional<account> before;
    for (int kills = 0; kills < 8; ++kills) {
        const std::int64_t at = std::uniform_int_distribution<std::int64_t>(1, all / 8)(random);
        const account seen = run_and_kill(
            left, [at](const account& so_far, const std::string&) { return so_far.replies >= at; });
        EXPECT_GE(seen.replies, at);
        if (before) expect_kept(*before, seen);
        left -= static_cast<int>(seen.replies);
        before = seen;
    }
    const account last = run_to_end(left);
    expect_kept(*before, last);
    const account end = run_to_end(0);
    EXPECT_EQ(end.ledger, last.ledger + last.told) << "exact, because the last run ended by itself";
    EXPECT_EQ(end.usage, end.ledger);
    EXPECT_GE(end.ledger, all * cost);
    EXPECT_TRUE(end.is_out);
}

TEST_P(KillTest, AWriteThatIsCutOffIsAsGoodAsNone) {
    std::mt19937 random(7);
    std::optional<account> before;
    for (int kills = 0; kills < 12; ++kills) {
        const int at = std::uniform_int_distribution<int>(0, 5)(random);
        const account seen = run_and_kill(2'000, [&](const account& so_far, const std::string& line) {
            if (line != "saving" || so_far.writes < at) return false;
            ::usleep(std::uniform_int_distribution<useconds_t>(0, 2'000)(random));
            return true;
        });
        if (before) expect_kept(*before, seen);
        before = seen;
    }
}

} // namespace
