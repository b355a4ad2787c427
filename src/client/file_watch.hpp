// The files of a client's configuration, watched on the library's own loop.
#pragma once

#include <modelmesh/reload.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::detail {

class client_impl;

/// Directories are watched and not files: a file that is replaced takes a watch of its own with it, and a path may
/// lead through symbolic links, each of which may be moved. What happens there only says that it is time to look
/// whether the files are others than before.
///
/// Threads: any may call stop() and release(); all else runs on the loop. busy_ is held while a reload is done, so
/// that none is after stop().
class file_watch : public std::enable_shared_from_this<file_watch> {
public:
    /// @throws error  config: a path cannot be made absolute, a directory cannot be watched, or SIGHUP cannot be taken.
    file_watch(std::weak_ptr<client_impl> of, boost::asio::io_context& loop, std::vector<std::string> paths,
               watch_options options);
    ~file_watch();
    file_watch(const file_watch&) = delete;
    file_watch& operator=(const file_watch&) = delete;

    void start();
    /// No reload begins afterwards.
    void stop() noexcept;
    /// Gives back what belongs to the loop; on its thread.
    void release() noexcept;

private:
    struct on_loop;
    struct file_state {
        bool exists = false;
        std::uint64_t device = 0;
        std::uint64_t number = 0;
        std::int64_t size = 0;
        std::int64_t changed_ns = 0;
        std::int64_t status_ns = 0; ///< of its permissions, too
        friend bool operator==(const file_state&, const file_state&) = default;
    };

    [[nodiscard]] std::vector<file_state> look() const;
    /// True when all directories that the paths lead through are watched.
    [[nodiscard]] bool watch_directories();
    void wait_for_events();
    void wait_for_hangup();
    void settle_then_check();
    void check_after(std::chrono::milliseconds wait);
    void check();
    void reload();
    template <class Work> void safely(Work work);
    /// `config.watch_failed`
    void report(std::string_view message) const noexcept;

    const std::weak_ptr<client_impl> client_;
    boost::asio::io_context& loop_;        ///< the client's
    const std::vector<std::string> paths_; ///< absolute
    watch_options options_;
    std::vector<file_state> loaded_; ///< what the files were when they were read last
    std::unique_ptr<on_loop> io_;    ///< null after release()

    std::recursive_mutex busy_; ///< recursive, because on_outcome may stop the watch; guards what follows
    bool is_stopped_ = false;
};

} // namespace modelmesh::detail
