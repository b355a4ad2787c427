// Keeps what a client knows in a storage: reads it when the client is made, and writes what has changed, behind the
// requests, on a thread of its own. DESIGN.md beside this file has the bound on what a crash may lose.
#pragma once

#include "budget/book.hpp"
#include "budget/write_ahead.hpp"
#include "persistence/saved.hpp"
#include "router/saved_state.hpp"
#include "router/snapshot.hpp"

#include <modelmesh/connector/storage.hpp>
#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace modelmesh::persistence {

/// When to write besides at the end, and when costs come near their mark.
struct schedule {
    bool after_every_change{false}; ///< as soon as the storage is free; then marks are never ahead
    std::optional<std::chrono::seconds> interval{};
};

/// Threads: any, except where it says otherwise.
class keeper final : public budget::write_ahead,
                     public router::saved_state,
                     public std::enable_shared_from_this<keeper> {
public:
    /// After a failure the storage is left alone for so long, twice as long each time, up to `longest_pause`.
    static constexpr std::chrono::seconds first_pause{1};
    static constexpr std::chrono::seconds longest_pause{30};
    /// Of a mark, ahead of what was spent: the most where no limit says how little that should be.
    static constexpr budget::micro_usd longest_lease = 1'000'000;

    /// Takes the storage for itself and reads all that is in it. An entry that cannot be read is left out and begins
    /// anew; reports `storage.entry_dropped` with `key` and `message`. Blocks.
    /// @param time  outlives the keeper. @param log  the same; may be null.
    /// Errors: config, when the storage is in use or cannot be read at all.
    [[nodiscard]] static result<std::shared_ptr<keeper>> open(std::shared_ptr<connector::storage> storage,
                                                              schedule when, const clock& time,
                                                              log_sink* log);
    /// Without a thread there is nothing to end: see stop().
    ~keeper() override;
    keeper(const keeper&) = delete;
    keeper& operator=(const keeper&) = delete;

    /// Gives the ledger what was saved of it. Before any line is asked for.
    void restore(budget::book& into);
    void restore(const router::snapshot& into) override;
    void forget(const router::snapshot& served) noexcept override;

    /// What there is to save: asked on the keeper's thread, until stop().
    using pictures = std::function<std::shared_ptr<const router::snapshot>()>;
    /// Begins to write. Once.
    void start(std::shared_ptr<const budget::book> ledger, pictures current);
    /// Writes what is left, with marks where the totals are, and gives the storage back. Blocks until that is done.
    /// No call is under way any more.
    void stop() noexcept;

    void ask() noexcept override;
    [[nodiscard]] bool is_failing() const noexcept override {
        return is_failing_.load(std::memory_order_acquire);
    }
    [[nodiscard]] task<void> next_write(std::shared_ptr<budget::write_ahead> self,
                                        time_point until = time_point::max()) override;
    /// Completes when all that has changed until now is written, with marks where the totals are.
    /// Errors: storage. Called on a loop of one thread.
    [[nodiscard]] static task<result<void>> flush(std::shared_ptr<keeper> self);

private:
    struct lease;
    struct waiter;
    class place_in_line;
    struct batch;

    keeper(std::shared_ptr<connector::storage> storage, schedule when, const clock& time, log_sink* log);
    [[nodiscard]] result<void> read_all();
    template <class Entry, class Take>
    [[nodiscard]] result<void> read_each(std::string_view prefix, result<Entry> (*parse)(std::string_view),
                                         Take&& take);

    void let_go() noexcept;
    void run();
    /// One write of what has changed. @param is_exact  marks are where the totals are.
    void write(bool is_exact);
    [[nodiscard]] result<void> write_changes(bool is_exact);
    void add_lines(batch& to, bool is_exact);
    void add_health(batch& to);
    /// The storage has it.
    void take_over(const batch& done);
    void tell_failure(const fault& f);
    void wake();

    const std::shared_ptr<connector::storage> storage_;
    const schedule when_;
    const clock& time_;
    log_sink* const log_;
    /// What the steady clock is behind the wall clock: constant, so that an unchanged time has an unchanged text.
    const std::chrono::milliseconds to_wall_;
    connector::lock_handle owned_{};

    // Of the thread, once it is started.
    std::shared_ptr<const budget::book> ledger_;
    pictures current_;
    std::map<std::string, std::string> saved_; ///< what the storage has, by key
    std::map<std::string, lease> leases_;      ///< by key of the line
    std::chrono::seconds pause_{0};            ///< after the last failure

    std::mutex restoring_; ///< guards the next four
    std::vector<budget::saved_line> lines_;
    std::map<std::string, saved_health> health_;    ///< by key; of models that are not known yet
    std::map<std::string, saved_health> providers_; ///< the same of providers
    std::map<std::string, saved_cursor> cursors_;   ///< the same of pools

    /// Set by whoever asks, taken by the thread before it looks at totals: a total that is too late for one write
    /// asks for the next (release, acquire).
    std::atomic<bool> is_asked_{false};
    std::atomic<bool> is_failing_{false}; ///< written by the thread

    std::mutex mutex_; ///< guards what follows; never held over I/O
    std::condition_variable work_;
    bool is_stopping_ = false;
    std::uint64_t flushes_wanted_ = 0;
    std::uint64_t flushes_done_ = 0;
    std::optional<fault> last_failure_{};        ///< of the last write
    std::list<std::shared_ptr<waiter>> waiting_; ///< for the end of a write
    std::thread thread_;
};

} // namespace modelmesh::persistence
