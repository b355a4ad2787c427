// The events at the end of a call: request.success and request.failure.
#pragma once

#include "core/request_id.hpp"
#include "middleware/stream_content.hpp"

#include <modelmesh/api/route.hpp>
#include <modelmesh/connector/prepared_request.hpp>
#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/log.hpp>

#include <memory>
#include <optional>

namespace modelmesh::detail {

/// Says once how a call has ended; that it was canceled, when nobody said anything. Costs nothing where nobody wants to
/// know.
class call_report {
public:
    /// @param log  may be null. @param time  outlives the report, as the log does.
    call_report(log_sink* log, const core::request_id& id, std::shared_ptr<const prepared_request> request,
                const clock& time);
    call_report(call_report&& other) noexcept;
    call_report& operator=(call_report&&) = delete;
    ~call_report();

    [[nodiscard]] bool is_wanted() const noexcept { return log_ != nullptr; }
    void served(const modelmesh::route& by) noexcept;
    void failed(const fault& why) noexcept;

private:
    class line;

    log_sink* log_; ///< null: nobody wants to know, or it was told
    core::request_id id_;
    std::shared_ptr<const prepared_request> request_;
    const clock* clock_;
    time_point started_;
};

/// The same for a stream, which ends when it was read.
void report_end(stream_content& of, call_report report);

} // namespace modelmesh::detail
