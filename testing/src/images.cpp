// /v1/images: every picture is a PNG of one point, as base64 or behind a URL that the simulator serves.
#include "image.hpp"

#include "endpoints.hpp"
#include "multipart.hpp"

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::string_view default_model = "gpt-image-1";
constexpr std::uint64_t tokens_per_image = 272; // what the vendor counts for a small picture
constexpr std::uint64_t tokens_per_upload = 64;
constexpr std::int64_t most_images = 10;
constexpr std::size_t most_uploads = 16;
constexpr std::int64_t most_partial_images = 3;

std::string big_endian(std::uint32_t number) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xff);
    return out;
}

/// The check sum of PNG (CRC-32).
std::uint32_t crc_of(std::string_view bytes) {
    std::uint32_t out = 0xffffffff;
    for (const char c : bytes) {
        out ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) out = out >> 1 ^ (out & 1 ? 0xedb88320 : 0);
    }
    return ~out;
}

std::string png_chunk(const std::string& kind, const std::string& data) {
    return big_endian(static_cast<std::uint32_t>(data.size())) + kind + data +
           big_endian(crc_of(kind + data));
}

/// The check sum of zlib (Adler-32).
std::uint32_t adler_of(std::string_view bytes) {
    std::uint32_t low = 1, high = 0;
    for (const char c : bytes) {
        low = (low + static_cast<unsigned char>(c)) % 65521;
        high = (high + low) % 65521;
    }
    return high << 16 | low;
}

/// Words of a request that are answered as they were asked, where the vendor would choose for "auto".
std::string chosen(const fields& in, std::string_view name, std::string_view otherwise) {
    const std::optional<std::string> asked = in.text(name);
    return asked && *asked != "auto" ? *asked : std::string(otherwise);
}

struct image_request {
    std::string prompt;
    std::string uploads; ///< the bytes of the pictures in the request: the answer depends on them, too
    std::size_t count = 1;
    bool as_url = false;
    bool stream = false;
    std::size_t partial_images = 0;
    std::string event_prefix; ///< image_generation, image_edit
    std::string size, quality, background;
    std::uint64_t text_tokens = 0;
    std::uint64_t image_tokens = 0; ///< of the pictures in the request
};

class image_answer final : public answer {
public:
    image_answer(image_request request, const reply_context& context)
        : request_(std::move(request)), origin_(context.origin), created_(seconds_now()) {}

    delivery form() const override { return request_.stream ? delivery::events : delivery::whole; }

    std::string body() const override {
        json::array data;
        for (std::size_t i = 0; i < request_.count; ++i) {
            if (request_.as_url)
                data.push_back(
                    json::object{{"url", origin_ + "/images/" + std::to_string(color(i)) + ".png"}});
            else
                data.push_back(json::object{{"b64_json", base64(png_of(color(i)))}});
        }
        json::object out{{"created", created_}, {"data", std::move(data)}};
        describe(out);
        out["usage"] = usage();
        return json::serialize(out);
    }

    // For each picture: those that are still coming, then the complete one.
    std::size_t event_count() const override { return request_.count * (request_.partial_images + 1); }

    stream_event event(std::size_t position) const override {
        const std::size_t image = position / (request_.partial_images + 1);
        const std::size_t step = position % (request_.partial_images + 1);
        const bool complete = step == request_.partial_images;
        const std::string name = request_.event_prefix + (complete ? ".completed" : ".partial_image");
        json::object out{
            {"type", name},
            {"b64_json", base64(png_of(complete ? color(image) : color(image) >> 8 * (step + 1)))},
            {"created_at", created_}};
        describe(out);
        if (complete)
            out["usage"] = usage();
        else
            out["partial_image_index"] = step;
        return {json::serialize(out), name};
    }

    bool ends_with_done() const override { return false; }

private:
    std::uint64_t color(std::size_t image) const {
        return hash_of(request_.prompt + "#" + std::to_string(image) + request_.uploads) & 0xffffff;
    }

    void describe(json::object& into) const {
        into["size"] = request_.size;
        into["quality"] = request_.quality;
        into["background"] = request_.background;
        into["output_format"] = "png";
    }

    json::object usage() const {
        const std::uint64_t input = request_.text_tokens + request_.image_tokens;
        const std::uint64_t output = tokens_per_image * request_.count;
        return {{"input_tokens", input},
                {"input_tokens_details",
                 {{"text_tokens", request_.text_tokens}, {"image_tokens", request_.image_tokens}}},
                {"output_tokens", output},
                {"output_tokens_details", {{"text_tokens", 0}, {"image_tokens", output}}},
                {"total_tokens", input + output}};
    }

    image_request request_;
    std::string origin_;
    std::int64_t created_ = 0;
};

/// What all image routes have in common.
model_request read_image_request(const fields& in, image_request out) {
    const std::optional<std::string> named = in.text("model");
    out.count = static_cast<std::size_t>(in.integer("n", 1, most_images).value_or(1));
    out.as_url = in.word("response_format", {"url", "b64_json"}) == "url";
    in.word("output_format", {"png", "jpeg", "webp"});
    out.stream = in.flag("stream");
    out.partial_images =
        static_cast<std::size_t>(in.integer("partial_images", 0, most_partial_images).value_or(0));
    out.size = chosen(in, "size", "1024x1024");
    out.quality = chosen(in, "quality", "low");
    out.background = chosen(in, "background", "opaque");
    out.text_tokens = split_tokens(out.prompt).size();
    const auto make = [out](const rule&, const reply_context& context) {
        return std::make_shared<image_answer>(out, context);
    };
    return {named.value_or(std::string(default_model)), out.stream, make, named.has_value()};
}

void add_uploads(image_request& into, const std::vector<const form_part*>& files) {
    if (files.empty()) throw missing("image");
    if (files.size() > most_uploads)
        throw invalid("Invalid 'image': expected at most 16 images.", "image", "array_above_max_length");
    for (const form_part* file : files) {
        if (file->body.empty())
            throw invalid("Invalid 'image': the file is empty.", "image", "invalid_value");
        into.uploads += file->body;
        into.image_tokens += tokens_per_upload;
    }
}

} // namespace

std::string png_of(std::uint64_t color) {
    const std::string no_filter(1, '\0');
    const std::string line = no_filter + big_endian(static_cast<std::uint32_t>(color)).substr(1);
    // One stored block: its length, the complement of its length, and the bytes as they are.
    const std::string packed =
        std::string("\x78\x01\x01\x04\x00\xfb\xff", 7) + line + big_endian(adler_of(line));
    const std::string size = big_endian(1) + big_endian(1);
    const std::string kind("\x08\x02\x00\x00\x00", 5); // 8 bits for each of red, green and blue
    return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", size + kind) + png_chunk("IDAT", packed) +
           png_chunk("IEND", {});
}

model_request read_image_generation(const recorded_request& request) {
    const fields in(request.body);
    image_request out;
    out.prompt = in.need_text("prompt");
    out.event_prefix = "image_generation";
    return read_image_request(in, std::move(out));
}

model_request read_image_edit(const recorded_request& request) {
    const form sent(request);
    image_request out;
    add_uploads(out, sent.files("image"));
    for (const form_part* mask : sent.files("mask")) out.uploads += mask->body;
    out.prompt = sent.texts().need_text("prompt");
    out.event_prefix = "image_edit";
    return read_image_request(sent.texts(), std::move(out));
}

model_request read_image_variation(const recorded_request& request) {
    const form sent(request);
    image_request out;
    add_uploads(out, sent.files("image"));
    out.event_prefix = "image_variation";
    model_request asked = read_image_request(sent.texts(), std::move(out));
    if (asked.stream) throw invalid("Unknown parameter: 'stream'.", "stream", "unknown_parameter");
    return asked;
}

} // namespace modelmesh::testing::detail
