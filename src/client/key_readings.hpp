// Reads keys again where that may take as long as it likes.
#pragma once

#include "client/event_outlet.hpp"
#include "router/key_renewal.hpp"

#include <modelmesh/config/key_source.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace modelmesh::detail {

/// Such a key would make every request one that cannot be sent.
[[nodiscard]] bool has_control_character(std::string_view text) noexcept;

/// Each reading has a thread of its own, which is begun for it and ends with it: a store that hangs holds up nobody
/// but those who wait for its key. Readings for one provider are one at a time, so that it keeps one thread at most.
///
/// A thread owns all that it uses, this object too. One that has not ended with the client goes on by itself, and what
/// it reads is told to nobody. One that never returns keeps its thread and what its source holds until the process
/// ends; that provider's key is not read again until a reload brings another source. Threads: any.
class key_readings : public std::enable_shared_from_this<key_readings> {
public:
    /// How long the end of a client waits for readings that are under way: most of them end by then, and not while the
    /// program's own end takes away what they use.
    static constexpr std::chrono::milliseconds grace{250};

    /// @param log  is told of keys that cannot be read, and hides those that can; used until close().
    explicit key_readings(event_outlet& log) noexcept : log_(&log) {}

    [[nodiscard]] std::shared_ptr<router::key_renewal> renewal_of(const std::string& provider,
                                                                  std::shared_ptr<const key_source> from);
    /// Begins no more, waits for `grace` at most, and leaves the log alone from now on.
    void close() noexcept;

private:
    void begin(std::function<void()> work);
    void end() noexcept;
    [[nodiscard]] result<std::string> read(const std::string& provider, const key_source& from);

    std::mutex mutex_; ///< guards what follows; not held while a key is read
    std::condition_variable idle_;
    std::size_t under_way_ = 0;
    bool is_closed_ = false;

    std::mutex telling_; ///< guards what follows, and is held while it is told something
    event_outlet* log_;  ///< null after close()
};

} // namespace modelmesh::detail
