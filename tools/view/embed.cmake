# SPDX-License-Identifier: MIT
#
# Writes view_parts.h: the page's style, body and script as strings.
# cmake -DFOLDER=tools/view -DOUTPUT=view_parts.h -DSCRIPTS=a.js,b.js -P embed.cmake
string(REPLACE "," ";" scripts "${SCRIPTS}")
set(script "'use strict';\n(() => {\n")
foreach(name IN LISTS scripts)
  file(READ "${FOLDER}/${name}" text)
  string(APPEND script "${text}")
endforeach()
string(APPEND script "})();\n")
file(READ "${FOLDER}/page.css" style)
file(READ "${FOLDER}/page.html" body)

# A string literal may be 64 KiB long at least; parts of it are joined by the compiler.
set(header "// Made from tools/view by embed.cmake.\n#pragma once\n\n")
foreach(part IN ITEMS Style Body Script)
  string(TOLOWER ${part} variable)
  string(APPEND header
         "inline constexpr char kView${part}[] =\n    R\"spanheap(${${variable}})spanheap\";\n\n")
endforeach()
file(WRITE "${OUTPUT}" "${header}")
