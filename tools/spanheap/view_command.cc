// SPDX-License-Identifier: MIT
#include "spanheap/view_command.h"

#include <fmt/core.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "spanheap/page_data.h"
#include "spanheap/say.h"
#include "spanheap/view_parts.h"

namespace spanheap::tools {
namespace {

constexpr int kCannotLook = 1;

// The text of a file that begins as JSON objects do; empty: it does not.
std::string ReadRecord(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (file.peek() != '{') return "";
  return {std::istreambuf_iterator<char>(file), {}};
}

PageData DataOf(const ViewOptions& options) {
  const std::string record = ReadRecord(options.target);
  if (!record.empty()) return DataOfRecord(record);
  look::LookOptions look_options;
  look_options.stops = options.stops;
  return DataOfLook(look::Target(options.target).Take(look_options));
}

void WritePage(const std::string& path, const PageData& data) {
  std::ofstream file(path, std::ios::binary);
  file << "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
       << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
       << "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
       << "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
       << "<title>spanheap</title>\n<style>\n"
       << kViewStyle << "</style>\n</head>\n<body>\n"
       << kViewBody << "<script type=\"application/json\" id=\"data\">" << data.json
       << "</script>\n<script type=\"text/plain\" id=\"map-data\">" << data.map
       << "</script>\n<script>\n"
       << kViewScript << "</script>\n</body>\n</html>\n";
  file.close();
  if (!file) throw std::runtime_error(fmt::format("{} cannot be written", path));
}

}  // namespace

int View(const ViewOptions& options) {
  try {
    WritePage(options.output, DataOf(options));
    return 0;
  } catch (const std::runtime_error& error) {
    Say(error.what());
    return kCannotLook;
  }
}

}  // namespace spanheap::tools
