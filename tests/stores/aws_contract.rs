//! The contract over the strict server and over two of other hands.

pub mod strict {
    use crate::stores::aws_world::stub_world;
    keeps_the_contract!(stub_world);
}

pub mod moto {
    use crate::stores::aws_world::moto_world;
    keeps_the_contract!(moto_world);
}

pub mod ministack {
    use crate::stores::aws_world::ministack_world;
    keeps_the_contract!(ministack_world);
}
