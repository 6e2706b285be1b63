# SPDX-License-Identifier: BSD-3-Clause
# The table of a run of the benchmark, from its lines (see functions.sh): medians,
# and for every goal the ratio and whether it was met.  A ratio is the median of
# those of each turn: what slows the machine for a while slows both.  With
# -v markdown=1 as Markdown.

BEGIN { FS = "\t" }

$1 == "machine" || $1 == "with" { heading[++headings] = $2 }

$1 == "row" && !($2 in title) { title[$2] = $3; rows[++row_count] = $2 }

$1 == "note" { notes[$2] = notes[$2] (notes[$2] ? "; " : "") $3 }

$1 == "sample" {
  key = $2 SUBSEP $3
  if (!(key in listed)) {
    listed[key] = 1
    contestants[$2, ++contestant_count[$2]] = $3
  }
  samples[key, ++count[key]] = $4
  unit[key] = $5
}

$1 == "goal" {
  key = $2 SUBSEP $3
  if (!(key in listed)) {
    listed[key] = 1
    contestants[$2, ++contestant_count[$2]] = $3
  }
  if (seen[$0]++)
    next
  n = ++goal_count[key]
  goal_kind[key, n] = $4
  goal_base[key, n] = $5
  goal_figure[key, n] = $6
}

# 'base': of the ratios to it, turn by turn; "": of the samples themselves.
function median(key, base,    n, i, j, sorted, value)
{
  n = count[key]
  for (i = 1; i <= n; i++) {
    value = samples[key, i] / (base == "" ? 1 : samples[base, i])
    for (j = i - 1; j >= 1 && sorted[j] > value; j--)
      sorted[j + 1] = sorted[j]
    sorted[j + 1] = value
  }
  return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

function figure(value)
{
  return sprintf(value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.3f", value)
}

# "0.81 of qemu, goal >= 0.80: met"
function verdict(row, key, n,    kind, base, ratio, is_rate, met, text)
{
  kind = goal_kind[key, n]
  base = row SUBSEP goal_base[key, n]
  wanted++
  if (!(key in count))
    return sprintf("goal %s %s: not measured",
                   kind == "below" ? "<=" : kind " than " goal_base[key, n] " x",
                   goal_figure[key, n])
  if (kind == "below") {
    met = median(key, "") <= goal_figure[key, n] + 0
    return sprintf("%s %s <= %s %s: %s", figure(median(key, "")), unit[key],
                   goal_figure[key, n], unit[key], said(met))
  }
  if (!(base in count))
    return sprintf("against %s: not measured", goal_base[key, n])
  is_rate = unit[key] == "/s"
  if (count[key] != count[base])
    return sprintf("against %s: not in the same turns", goal_base[key, n])
  ratio = median(key, base)
  if ((kind == "faster") != is_rate)
    ratio = 1 / ratio
  met = kind == "faster" ? ratio >= goal_figure[key, n] + 0 \
                         : ratio <= goal_figure[key, n] + 0
  return sprintf("%.2f %s %s, goal %s %s: %s", ratio,
                 kind == "faster" ? "x the speed of" : "x the cost of",
                 goal_base[key, n], kind == "faster" ? ">=" : "<=",
                 goal_figure[key, n], said(met))
}

function said(met)
{
  total++
  met_count += met
  return met ? "met" : "MISSED"
}

END {
  for (i = 1; i <= headings; i++)
    print heading[i] (markdown ? "  " : "")
  print ""
  format = markdown ? "| %s | %s | %s | %s |\n" : "%-34.34s %-22s %14s  %s\n"
  printf format, "row", "contestant", "median", "goals"
  if (markdown)
    print "|---|---|---:|---|"
  for (r = 1; r <= row_count; r++) {
    row = rows[r]
    label = title[row]
    for (c = 1; c <= contestant_count[row]; c++) {
      key = row SUBSEP contestants[row, c]
      goals = ""
      for (n = 1; n <= goal_count[key]; n++)
        goals = goals (n > 1 ? "; " : "") verdict(row, key, n)
      printf format, label, contestants[row, c],
        (key in count) ? figure(median(key, "")) " " unit[key] : "-", goals
      label = ""
    }
    if (row in notes)
      printf format, label, "", "", notes[row]
  }
  print ""
  printf "%d of %d goals met, %d not measured; medians of at least five runs, " \
    "in turns\n", met_count, wanted, wanted - total
}
