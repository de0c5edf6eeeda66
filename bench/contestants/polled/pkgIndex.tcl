package ifneeded polled 1.0 [list load [file join $dir polled.so]]
