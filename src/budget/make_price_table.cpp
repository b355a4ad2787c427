// Writes the table of prices as C++: make_price_table <models.json> <output.cpp>. Runs while the library is
// built.
#include "budget/money.hpp"

#include <modelmesh/json/read.hpp>
#include <modelmesh/json/types.hpp>
#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

namespace {

using modelmesh::json::maybe;
using modelmesh::json::raw;

// Prices are read as they are written, because a double would round them.
struct tier {
    std::int64_t above_input_tokens = 0;
    maybe<raw> input_usd_per_mtok{};
    maybe<raw> output_usd_per_mtok{};
    maybe<raw> cached_input_usd_per_mtok{};
};

struct record {
    std::string provider{};
    std::string id{};
    std::string mode{};
    maybe<std::int64_t> context_window{};
    maybe<std::int64_t> max_output_tokens{};
    maybe<raw> input_usd_per_mtok{};
    maybe<raw> output_usd_per_mtok{};
    maybe<raw> cached_input_usd_per_mtok{};
    maybe<raw> cache_write_usd_per_mtok{};
    std::vector<tier> tiers{};
    std::string unit{};
    maybe<raw> usd_per_unit{};
};

bool is_known(const maybe<raw>& price) { return price && price->text != "null"; }
bool is_positive(const maybe<raw>& price) {
    return is_known(price) &&
           modelmesh::budget::scaled(price->text, modelmesh::budget::pico_digits).value() > 0;
}
bool has_price(const record& r) {
    return is_known(r.input_usd_per_mtok) || is_known(r.output_usd_per_mtok) || is_known(r.usd_per_unit);
}

// The file writes 0 for what is free and for what is not published: who bills input does not give away the cached part.
template <class Prices> void forget_unpublished(Prices& of) {
    if (is_positive(of.input_usd_per_mtok) && !is_positive(of.cached_input_usd_per_mtok))
        of.cached_input_usd_per_mtok = {};
}

// Half a price is none: where only input is known of a model that bills its output, a budget would let it through.
void forget_halves(record& of) {
    constexpr std::string_view without_output[] = {"embedding", "rerank", "moderation"};
    const bool has_output =
        std::find(std::begin(without_output), std::end(without_output), of.mode) == std::end(without_output);
    if (!has_output || is_known(of.output_usd_per_mtok) || is_known(of.usd_per_unit)) return;
    of.input_usd_per_mtok = of.cached_input_usd_per_mtok = of.cache_write_usd_per_mtok = {};
    of.tiers.clear();
}

std::string pico(const maybe<raw>& price, int digits) {
    if (!price || price->text == "null") return "-1";
    return std::to_string(modelmesh::budget::scaled(price->text, digits).value());
}
// A millionth of the price of a million: dollars for a million tokens are micro-dollars for one.
std::string per_token(const maybe<raw>& price) { return pico(price, modelmesh::budget::pico_digits - 6); }
std::string per_unit(const record& of, std::string_view unit) {
    return pico(of.unit == unit ? of.usd_per_unit : maybe<raw>(), modelmesh::budget::pico_digits);
}

std::string text(std::string_view value) {
    std::string quoted;
    modelmesh::json::append_string(quoted, value);
    return quoted;
}

std::string line(const record& r) {
    std::string out = "    {" + text(r.provider) + ", " + text(r.id) + ", " + text(r.mode) + ", ";
    out +=
        std::to_string(r.context_window.value_or(0)) + ", " + std::to_string(r.max_output_tokens.value_or(0));
    out += ",\n     {.input = " + per_token(r.input_usd_per_mtok);
    out += ", .output = " + per_token(r.output_usd_per_mtok);
    out += ", .cached_input = " + per_token(r.cached_input_usd_per_mtok);
    out += ", .cache_write = " + per_token(r.cache_write_usd_per_mtok);
    out += ", .image = " + per_unit(r, "image") + ", .second = " + per_unit(r, "second");
    out +=
        ", .character = " + per_unit(r, "character") + ", .request = " + per_unit(r, "query") + "},\n     {";
    std::vector<tier> tiers = r.tiers;
    std::sort(tiers.begin(), tiers.end(),
              [](const tier& a, const tier& b) { return a.above_input_tokens < b.above_input_tokens; });
    for (const tier& each : tiers)
        out += "price_tier{" + std::to_string(each.above_input_tokens) + ", " +
               per_token(each.input_usd_per_mtok) + ", " + per_token(each.output_usd_per_mtok) + ", " +
               per_token(each.cached_input_usd_per_mtok) + "}, ";
    return out + "}},\n";
}

} // namespace

int main(int count, char** arguments) {
    if (count != 3) {
        std::fputs("usage: make_price_table <models.json> <output.cpp>\n", stderr);
        return 2;
    }
    std::ifstream input(arguments[1]);
    const std::string json{std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
    auto records = modelmesh::json::read<std::vector<record>>(json, modelmesh::json::read_options::lenient());
    if (!records) {
        std::fprintf(stderr, "%s: %s\n", arguments[1], records.error().message.c_str());
        return 1;
    }
    std::erase_if(*records, [](const record& r) { return r.id.empty(); }); // the description of the file
    for (record& each : *records) {
        forget_halves(each);
        forget_unpublished(each);
        for (tier& of : each.tiers) forget_unpublished(of);
    }
    // Of several rows of one model the first counts: one that has a price.
    std::sort(records->begin(), records->end(), [](const record& a, const record& b) {
        const bool a_lacks = !has_price(a), b_lacks = !has_price(b);
        return std::tie(a.provider, a.id, a_lacks, a.mode) < std::tie(b.provider, b.id, b_lacks, b.mode);
    });
    std::ofstream output(arguments[2]);
    output << "// Made by make_price_table from models.json.\n"
              "#include \"budget/price_catalogue.hpp\"\n\n"
              "namespace modelmesh::budget {\nnamespace {\nconstexpr listed_model table[] = {\n";
    for (const record& each : *records) output << line(each);
    output << "};\n} // namespace\n\n"
              "std::span<const listed_model> price_table() noexcept { return table; }\n\n"
              "} // namespace modelmesh::budget\n";
    output.close();
    return output ? 0 : 1;
}
