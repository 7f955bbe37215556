# CPU per cancel by the number of requests in flight, as SVG. Called by bench/run and doc/generate/pages.py, which set
# `data` and `picture`.
set terminal svg noenhanced size 560,360 font "sans-serif,14"
set output picture
set datafile separator "\t"
set key autotitle columnhead below horizontal samplen 2 spacing 1.2
set linetype 1 lc rgb "#8e6bd8"
set linetype 2 lc rgb "#26a69a"
set linetype 3 lc rgb "#42a5f5"
set linetype 4 lc rgb "#fb8c00"
set logscale x 2
set xlabel "requests in flight" offset 0,0.5
set ylabel "CPU per cancel (µs)"
set yrange [0:*]
set grid ytics lc rgb "#cccccc"
set border 3
set tics nomirror
set xtics ("1" 1, "16" 16, "64" 64, "256" 256, "1024" 1024)
plot for [column = 2:5] data using 1:column with linespoints lw 2 pt 7 ps 0.6
