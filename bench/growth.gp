# CPU per cancel by the number of requests in flight, as SVG. Called by bench/run, which sets `data` and
# `picture`.
set terminal svg noenhanced size 760,440 font "sans-serif,13" background "white"
set output picture
set datafile separator "\t"
set key autotitle columnhead below horizontal samplen 2
set logscale x 2
set xlabel "requests in flight"
set ylabel "CPU per cancel (µs)"
set yrange [0:*]
set grid ytics lt 1 lc rgb "#cccccc"
set border 3
set tics nomirror
set xtics ("1" 1, "16" 16, "64" 64, "256" 256, "1024" 1024)
plot for [column = 2:5] data using 1:column with linespoints lw 2 pt 7 ps 0.6
